"""Jobs for lanes, and lanes that have their part of them."""

import asyncio

import pytest
from support.whole import (
    ENVIRONMENT,
)

from bulkput.jobs.lanes.protocol import PortionSettled
from bulkput.jobs.lanes.put_crew import PutCrew


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
    """Return what is called with every message of a lane; this process begins after them.

    So that lanes have their part of the smallest disk, on the busiest machine.
    """
    hooks = []
    ready = asyncio.Event()
    put, hear = PutCrew.run, PutCrew.hear

    async def begin_together(crew, own):
        async def later():
            await ready.wait()
            await own

        await put(crew, later())

    def overheard(crew, lane, message):
        if isinstance(message, PortionSettled):
            ready.set()
        hear(crew, lane, message)
        for hook in hooks:
            hook(lane, message)

    monkeypatch.setattr(PutCrew, "run", begin_together)
    monkeypatch.setattr(PutCrew, "hear", overheard)
    monkeypatch.setattr("bulkput.jobs.lanes.put_crew.PORTION_BLOCKS", 8)
    return hooks
