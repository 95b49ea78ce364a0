"""One volume put by several processes, against a server that is a process too."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.control import control
from support.whole import (
    ACCESS_KEY,
    BLOCK,
    ENVIRONMENT,
    SECRET_KEY,
    Server,
    read_with_boto3,
    same_content,
)

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.crew import Crew
from bulkput.jobs.lanes.protocol import LaneReady, PortionSettled
from bulkput.jobs.run import run_job
from bulkput.model.events import PutRetried, VolumeStarted
from bulkput.model.exit_code import ExitCode


def image(path, blocks, seed, *, holes=()):
    """Write random blocks, but for ``holes``, and a part of a block at the end."""
    with path.open("wb") as file:
        for index in range(blocks):
            if index in holes:
                file.seek((index + 1) * BLOCK)
            else:
                file.write(random.Random(seed * 1000 + index).randbytes(BLOCK))
        file.write(b"tail")
    return path


def lanes_of(parent):
    """Return the process ids of ``parent``'s lanes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if ppid == parent and b"bulkput.jobs.lanes" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found)


def has_open(pid, path):
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            if each.readlink() == path:
                return True
    return False


def has_ended(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def until(condition, limit_s=30.0):
    end_s = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "what the test waits for did not happen"
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def served(tmp_path, puts_per_s=0):
    limits = ("--puts-per-s-account", "0", "--puts-per-s-snapshot", str(puts_per_s), "--faults")
    with Server(tmp_path / "emulator", limits) as running:
        yield running


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


def start(tmp_path, job):
    """Start the program as a user would, with the job in a file."""
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps(job))
    return subprocess.Popen(
        [sys.executable, "-m", "bulkput", "run", str(path), "--output", "json"],
        env=dict(ENVIRONMENT, HOME=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Heard:
    """An observer that keeps everything."""

    def __init__(self):
        self.events = []
        self.progress = {}

    def on_event(self, event):
        self.events.append(event)
        if isinstance(event, VolumeStarted):
            self.progress[event.progress.volume] = event.progress


async def run(job, heard):
    return await run_job(JobSettings.model_validate(job), observer=heard)


def require_same(server, snapshot_id, source, tmp_path):
    copy = tmp_path / "copy.img"
    read_with_boto3(server, snapshot_id, copy, source.stat().st_size)
    assert same_content(source, copy, source.stat().st_size)


@pytest.fixture
def together(monkeypatch):
    """Return what is called with every message of a lane; this process begins when lanes are ready.

    So that lanes have their part of the smallest disk, on the busiest machine.
    """
    hooks = []
    ready = asyncio.Event()
    put, hear = Crew.put, Crew.hear

    async def begin_together(crew, own):
        async def later():
            await ready.wait()
            await own

        await put(crew, later())

    def overheard(crew, lane, message):
        if isinstance(message, LaneReady):
            ready.set()
        hear(crew, lane, message)
        for hook in hooks:
            hook(lane, message)

    monkeypatch.setattr(Crew, "put", begin_together)
    monkeypatch.setattr(Crew, "hear", overheard)
    monkeypatch.setattr("bulkput.jobs.lanes.crew.PORTION_BLOCKS", 8)
    return hooks


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
        assert sum(settled.values()) > 20
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
        (outcome,) = await run(job(server, source), Heard())
        assert (outcome.status, outcome.exit_code) == ("completed", 0)
        assert outcome.blocks["put"] + outcome.blocks["resumed"] == 101
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
        (outcome,) = await run(job(server, source), Heard())
        assert (outcome.status, outcome.exit_code) == ("failed", ExitCode.CREDENTIALS)
        assert "AccessDenied" in outcome.error
        assert lanes_of(os.getpid()) == []


def test_lanes_do_not_outlive_a_killed_job_and_hold_its_lock_while_they_live(job, tmp_path):
    with served(tmp_path, puts_per_s=60) as server:
        source = image(tmp_path / "disk.img", 150, 1)
        wanted = job(server, source, rate=60)
        with start(tmp_path, wanted) as running:
            (lane,) = until(lambda: lanes_of(running.pid))
            (lock,) = until(lambda: list((tmp_path / "state").rglob("*disk*/lock")))
            until(lambda: has_open(lane, lock) and stored(server) > 30)
            running.kill()
            running.communicate(timeout=20)
        until(lambda: has_ended(lane), limit_s=5)
        with start(tmp_path, wanted) as running:
            out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        (volume,) = json.loads(out)["volumes"]
        assert volume["blocks"]["resumed"] > 20
        require_same(server, volume["snapshot_id"], source, tmp_path)


def stored(server):
    """Return how many puts the server has stored."""
    return stats(server)["blocks_stored"]


def stats(server):
    return control(server, "stats", method="GET", keys=(ACCESS_KEY, SECRET_KEY))
