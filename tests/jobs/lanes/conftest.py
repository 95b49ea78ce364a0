"""Jobs for lanes, and lanes that have their part of them."""

import pytest
from support.lane_jobs import begin_after_lanes
from support.whole import (
    ENVIRONMENT,
)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Return a function that makes the settings of a job, as data."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def make(server, *sources, processes=2, rate=None, **volume):
        return {
            "version": 1,
            "endpoint": server.url,
            "region": "us-east-1",
            "parallel": len(sources),
            "state_dir": str(tmp_path / "state"),
            "tuning": {"processes": processes, "puts_per_s_snapshot": rate},
            "volumes": [
                {"name": source.stem, "source": str(source), **volume} for source in sources
            ],
        }

    return make


@pytest.fixture
def together(monkeypatch):
    """Return what is called with every message of a lane; this process begins after them."""
    return begin_after_lanes(monkeypatch)
