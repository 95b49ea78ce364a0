"""Servers and jobs for worker processes."""

import os

import pytest
from support.whole import (
    ENVIRONMENT,
    Server,
)
from support.worker_jobs import HIGH


@pytest.fixture
def server(tmp_path):
    unlimited = ("--puts-per-s-account", "0", "--puts-per-s-snapshot", "0", "--faults")
    with Server(tmp_path / "emulator", unlimited) as running:
        yield running


@pytest.fixture
def slow_server(tmp_path):
    """40 puts a second for each volume: time enough to look at it."""
    limited = ("--puts-per-s-account", "0", "--puts-per-s-snapshot", "40", "--faults")
    with Server(tmp_path / "emulator", limited) as running:
        yield running


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Return a function that makes the settings of a job, as data."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def make(server, *sources, parallel=None, **volume):
        return {
            "version": 1,
            "endpoint": server.url,
            "region": "us-east-1",
            "parallel": parallel or len(sources),
            "state_dir": str(tmp_path / "state"),
            "tuning": HIGH,
            "volumes": [
                {"name": source.stem, "source": str(source), **volume} for source in sources
            ],
        }

    return make
