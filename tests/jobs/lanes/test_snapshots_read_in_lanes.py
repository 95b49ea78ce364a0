"""Snapshots verified by several processes, against a server that is a process too."""

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest
from support.control import control
from support.lane_jobs import Heard, image, lanes_of, run, served
from support.whole import ACCESS_KEY, BLOCK, SECRET_KEY

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.get_crew import GetCrew
from bulkput.jobs.lanes.protocol import WorkDone
from bulkput.jobs.verify.request import VerifyRequest
from bulkput.jobs.verify.verify_snapshot import verify_snapshot
from bulkput.model.errors import ServiceError
from bulkput.pipeline.comparing import Comparison


@pytest.fixture
def lanes_first(monkeypatch):
    """Hear every message of a lane by ``hooks``; this process begins when a lane has done a work.

    So that lanes have their part of the smallest snapshot, on the busiest machine.
    """
    first = SimpleNamespace(hooks=[], ready=asyncio.Event())
    run_crew, hear, differences = GetCrew.run, GetCrew.hear, Comparison.differences

    async def run_together(crew, own):
        async def later():
            while not crew.working:  # noqa: ASYNC110 - no event says it
                await asyncio.sleep(0.005)
            return await own

        return await run_crew(crew, later())

    def overheard(crew, lane, message):
        if isinstance(message, WorkDone):
            first.ready.set()
        hear(crew, lane, message)
        for hook in first.hooks:
            hook(lane, message)

    async def later(comparison, piece):
        await first.ready.wait()
        return await differences(comparison, piece)

    monkeypatch.setattr(GetCrew, "run", run_together)
    monkeypatch.setattr(GetCrew, "hear", overheard)
    monkeypatch.setattr(Comparison, "differences", later)
    return first


async def verified(wanted, snapshot_id, heard):
    """Return the outcome and the ranges that differ."""
    settings = JobSettings.model_validate(wanted)
    found = []
    request = VerifyRequest(snapshot_id, settings.volumes[0])
    outcome = await verify_snapshot(settings, request, heard, found.append)
    return outcome, found


async def test_a_comparison_by_several_processes_finds_what_one_finds(job, lanes_first, tmp_path):
    """One of two lanes is killed in the middle of it."""
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 120, 1, holes=range(60, 100))
        wanted = job(server, source, processes=1)
        (uploaded,) = await run(wanted, Heard())
        with source.open("r+b") as file:
            for index in (3, 4, 59, 70, 119):
                file.seek(index * BLOCK + 7)
                file.write(b"changed")
        killed = []

        def kill(lane, message):
            if isinstance(message, WorkDone) and not killed:
                killed.append(lane.name)
                os.kill(int(lane.name), signal.SIGKILL)

        lanes_first.hooks.append(kill)
        heard = Heard()
        several = job(server, source, processes=3)
        three, ranges = await verified(several, uploaded.snapshot_id, heard)
        assert killed
        assert lanes_of(os.getpid()) == []
        one, expected = await verified(wanted, uploaded.snapshot_id, Heard())
        assert ranges == expected
        assert [(each.start, each.stop) for each in ranges] == [
            (3, 5),
            (59, 60),
            (70, 71),
            (119, 120),
        ]
        assert three.as_dict()["blocks"] == one.as_dict()["blocks"]
        assert three.exit_code == one.exit_code == 7
        assert heard.progress[uploaded.snapshot_id].in_flight == 0
        assert one.gets["attempts"] == 81 <= three.gets["attempts"] + 16


async def test_what_ends_a_comparison_in_a_lane_ends_it_in_its_own_words(
    job, lanes_first, tmp_path
):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 100, 1)
        (uploaded,) = await run(job(server, source, processes=1), Heard())
        fault = {"kind": "access-denied", "operation": "GetSnapshotBlock", "times": None}
        control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))
        with pytest.raises(ServiceError, match="AccessDenied"):
            await verified(job(server, source), uploaded.snapshot_id, Heard())
        assert lanes_of(os.getpid()) == []
