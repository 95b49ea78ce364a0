"""Snapshots verified and downloaded by several processes; the server is a process too."""

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest
from support.control import control
from support.lane_jobs import Heard, image, lanes_of, run, served
from support.whole import ACCESS_KEY, BLOCK, SECRET_KEY, same_content

from bulkput.config.settings import JobSettings
from bulkput.jobs.download.download_snapshot import download_snapshot
from bulkput.jobs.download.request import DownloadRequest
from bulkput.jobs.lanes.get_crew import GetCrew
from bulkput.jobs.lanes.protocol import WorkDone
from bulkput.jobs.verify.request import VerifyRequest
from bulkput.jobs.verify.verify_snapshot import verify_snapshot
from bulkput.model.errors import ServiceError
from bulkput.pipeline.block_writer import BlockWriter
from bulkput.pipeline.comparing import Comparison


@pytest.fixture
def lanes_first(monkeypatch):
    """Hear every message of a lane by ``hooks``; this process begins when a lane has done a work.

    So that lanes have their part of the smallest snapshot, on the busiest machine.
    """
    first = SimpleNamespace(hooks=[], ready=asyncio.Event())
    run_crew, hear = GetCrew.run, GetCrew.hear
    differences, write = Comparison.differences, BlockWriter.write

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

    async def compare_later(comparison, piece):
        await first.ready.wait()
        return await differences(comparison, piece)

    async def write_later(writer, group):
        await first.ready.wait()
        return await write(writer, group)

    monkeypatch.setattr(GetCrew, "run", run_together)
    monkeypatch.setattr(GetCrew, "hear", overheard)
    monkeypatch.setattr(Comparison, "differences", compare_later)
    monkeypatch.setattr(BlockWriter, "write", write_later)
    return first


async def verified(wanted, snapshot_id, heard):
    """Return the outcome and the ranges that differ."""
    settings = JobSettings.model_validate(wanted)
    found = []
    request = VerifyRequest(snapshot_id, settings.volumes[0])
    outcome = await verify_snapshot(settings, request, heard, found.append)
    return outcome, found


async def test_a_comparison_by_several_processes_finds_what_one_finds(job, lanes_first, tmp_path):
    """The lane is killed when it has done a part of it."""
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 40, 1, holes=range(20, 30))
        wanted = job(server, source, processes=1)
        (uploaded,) = await run(wanted, Heard())
        with source.open("r+b") as file:
            for index in (3, 4, 19, 25, 39):
                file.seek(index * BLOCK + 7)
                file.write(b"changed")
        killed = []

        def kill(lane, message):
            if isinstance(message, WorkDone) and not killed:
                killed.append(lane.name)
                os.kill(int(lane.name), signal.SIGKILL)

        lanes_first.hooks.append(kill)
        heard = Heard()
        two, ranges = await verified(job(server, source), uploaded.snapshot_id, heard)
        assert killed
        assert lanes_of(os.getpid()) == []
        one, expected = await verified(wanted, uploaded.snapshot_id, Heard())
        assert ranges == expected
        assert [(each.start, each.stop) for each in ranges] == [
            (3, 5),
            (19, 20),
            (25, 26),
            (39, 40),
        ]
        assert two.as_dict()["blocks"] == one.as_dict()["blocks"]
        assert two.exit_code == one.exit_code == 7
        assert heard.progress[uploaded.snapshot_id].in_flight == 0
        assert one.gets["attempts"] == 31 <= two.gets["attempts"] + 16


async def test_what_ends_a_comparison_in_a_lane_ends_it_in_its_own_words(
    job, lanes_first, tmp_path
):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 30, 1)
        (uploaded,) = await run(job(server, source, processes=1), Heard())
        fault = {"kind": "access-denied", "operation": "GetSnapshotBlock", "times": None}
        control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))
        with pytest.raises(ServiceError, match="AccessDenied"):
            await verified(job(server, source), uploaded.snapshot_id, Heard())
        assert lanes_of(os.getpid()) == []


async def test_a_download_that_was_stopped_goes_on_in_lanes_and_survives_one(
    job, lanes_first, tmp_path
):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 40, 1, holes=range(20, 30))
        (uploaded,) = await run(job(server, source, processes=1), Heard())
        settings = JobSettings.model_validate(job(server, source, processes=2))
        request = DownloadRequest(uploaded.snapshot_id, tmp_path / "copy.img")
        act = []

        def strike(lane, message):
            if isinstance(message, WorkDone) and act:
                act.pop()(lane)

        lanes_first.hooks.append(strike)
        act.append(lambda _lane: running.cancel())
        running = asyncio.create_task(download_snapshot(settings, request, Heard()))
        with pytest.raises(asyncio.CancelledError):
            await running
        assert lanes_of(os.getpid()) == []
        assert not request.destination.exists()
        lanes_first.ready.clear()
        act.append(lambda lane: os.kill(int(lane.name), signal.SIGKILL))
        outcome = await download_snapshot(settings, request, Heard())
        assert act == []
        assert lanes_of(os.getpid()) == []
        assert outcome.counts.resumed >= 8
        assert outcome.counts.got + outcome.counts.resumed == 31
        assert same_content(source, request.destination, source.stat().st_size)
        assert request.destination.stat().st_size == source.stat().st_size
