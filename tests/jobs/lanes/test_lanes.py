"""One volume put by several processes, against a server that is a process too."""

import asyncio
import json
import os
import signal
from collections import Counter

import pytest
from support.control import control
from support.lane_jobs import (
    Heard,
    has_ended,
    has_open,
    image,
    lanes_of,
    require_same,
    run,
    served,
    start,
    stored,
    until,
)
from support.whole import (
    ACCESS_KEY,
    SECRET_KEY,
)

from bulkput.jobs.lanes.protocol import PortionSettled
from bulkput.model.events import PutRetried
from bulkput.model.exit_code import ExitCode
from bulkput.pace.lanes import LaneCount


async def test_volumes_put_by_several_processes_are_their_sources(job, together, tmp_path):
    """Two volumes, one after the other in the same lanes; a third of one is a hole."""
    with served(tmp_path) as server:
        fault = {"kind": "internal-error", "operation": "PutSnapshotBlock", "nth": 30}
        control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))
        sources = [
            image(tmp_path / "large.img", 120, 1, holes=range(60, 100)),
            image(tmp_path / "small.img", 10, 2),
        ]
        heard, settled = Heard(), Counter()

        def count(lane, message):
            if isinstance(message, PortionSettled):
                settled[lane.name] += message.extent.block_count

        together.append(count)
        wanted = job(server, *sources, processes=3) | {"parallel": 1}
        outcomes = await run(wanted, heard)
        assert [outcome.status for outcome in outcomes] == ["completed"] * 2
        assert sum(settled.values()) >= 8
        assert len(settled) <= 2, "the lanes of the first volume were not the second's"
        assert lanes_of(os.getpid()) == []
        large, small = outcomes
        assert large.blocks == {
            "total": 121,
            "put": 81,
            "resumed": 0,
            "skipped_zero": 0,
            "skipped_hole": 40,
            "unchanged": 0,
        }
        assert (small.blocks["put"], large.puts["attempts"]) == (11, 82)
        assert large.puts["retried"] == sum(isinstance(e, PutRetried) for e in heard.events) == 1
        assert heard.progress["large"].puts.latencies.count == 81
        assert heard.progress["large"].in_flight == 0
        for outcome, source in zip(outcomes, sources, strict=True):
            require_same(server, outcome.snapshot_id, source, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_what_a_lane_had_that_is_gone_is_put_by_others(job, together, tmp_path, number):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 100, 1)
        killed = []

        def kill(lane, message):
            if isinstance(message, PortionSettled) and not killed:
                killed.append(lane.name)
                os.kill(int(lane.name), number)

        together.append(kill)
        heard = Heard()
        (outcome,) = await run(job(server, source), heard)
        assert (outcome.status, outcome.exit_code) == ("completed", 0)
        assert outcome.blocks["put"] + outcome.blocks["resumed"] == 101
        cells = heard.progress["disk"].disk.as_dict()["cells"]
        assert sum(cells["data"]) == outcome.blocks["put"]
        assert sum(cells.get("resumed", ())) == outcome.blocks["resumed"]
        notes = [note for note in outcome.notes if f"process {killed[0]}, which put" in note]
        if number == signal.SIGKILL:  # the other drains, and may leave nothing behind
            assert ["SIGKILL" in note for note in notes] == [True]
        require_same(server, outcome.snapshot_id, source, tmp_path)


async def test_an_end_drains_all_processes_and_a_rerun_resumes(job, together, tmp_path):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 100, 1)

        def stop(_lane, message):
            if isinstance(message, PortionSettled):
                running.cancel()

        together.append(stop)
        running = asyncio.create_task(run(job(server, source), Heard()))
        with pytest.raises(asyncio.CancelledError):
            await running
        assert lanes_of(os.getpid()) == []
        before = stored(server)
        assert 8 <= before < 101
        (outcome,) = await run(job(server, source, processes=1), Heard())
        assert outcome.blocks["resumed"] == before, "a put did not end"
        require_same(server, outcome.snapshot_id, source, tmp_path)


async def test_what_a_lane_finds_wrong_ends_the_volume_in_its_own_words(job, together, tmp_path):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 100, 1)

        fault = {"kind": "access-denied", "operation": "PutSnapshotBlock", "times": None}

        def refuse(_lane, message):
            if isinstance(message, PortionSettled):
                control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))

        together.append(refuse)
        # Or all may be put, on a busy machine, before the server hears of it.
        (outcome,) = await run(job(server, source, rate=50), Heard())
        assert (outcome.status, outcome.exit_code) == ("failed", ExitCode.CREDENTIALS)
        assert "AccessDenied" in outcome.error
        assert lanes_of(os.getpid()) == []


def test_lanes_do_not_outlive_a_killed_job_and_hold_its_lock_while_they_live(job, tmp_path):
    with served(tmp_path) as server:
        source = image(tmp_path / "disk.img", 90, 1)
        # Slow enough that a busy machine starts the lane long before the volume is put.
        with start(tmp_path, job(server, source, rate=5)) as running:
            (lane,) = until(lambda: lanes_of(running.pid))
            (lock,) = until(lambda: list((tmp_path / "state").rglob("*disk*/lock")))
            until(lambda: has_open(lane, lock) and stored(server) > 6)
            running.kill()
            running.communicate(timeout=20)
        until(lambda: has_ended(lane))
        with start(tmp_path, job(server, source, processes=1)) as running:
            out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        (volume,) = json.loads(out)["volumes"]
        assert volume["blocks"]["resumed"] > 2
        require_same(server, volume["snapshot_id"], source, tmp_path)


async def test_a_lane_that_joins_and_is_let_go_leaves_nothing_out(job, together, tmp_path):
    """As many as are found, said here by the test: one, and none after its first portions."""
    with served(tmp_path) as server:
        source, settled = image(tmp_path / "disk.img", 100, 1), []
        together.append(
            lambda _lane, message: isinstance(message, PortionSettled) and settled.append(message)
        )
        found = LaneCount(1)
        found.look = lambda _look: found.count
        found.count = 1

        def let_go(_lane, message):
            if isinstance(message, PortionSettled):
                found.count = 0

        together.append(let_go)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bulkput.jobs.lanes.pool.LaneCount", lambda _most: found)
            patch.setattr("bulkput.jobs.lanes.pool_parts.usable_processors", lambda: 2)
            patch.setattr("bulkput.jobs.lanes.pool._LOOK_S", 0.02)
            patch.setattr("bulkput.jobs.lanes.pool._SILENT_LOOKS_MAX", 3000)  # a minute still
            (outcome,) = await run(job(server, source, processes="auto"), Heard())
        assert (outcome.status, outcome.blocks["put"]) == ("completed", 101)
        assert not any("beside this one" in note for note in outcome.notes)
        assert settled
        require_same(server, outcome.snapshot_id, source, tmp_path)
