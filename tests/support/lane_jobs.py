"""Jobs whose volumes are put by several processes, and a look at those."""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

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
from bulkput.jobs.lanes.protocol import PortionSettled
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.jobs.run import run_job
from bulkput.model.events import VolumeStarted


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


def stored(server):
    """Return how many puts the server has stored."""
    return stats(server)["blocks_stored"]


def stats(server):
    return control(server, "stats", method="GET", keys=(ACCESS_KEY, SECRET_KEY))


def begin_after_lanes(monkeypatch):
    """Let this process begin when lanes have settled a portion; return what hears all messages.

    So that lanes have their part of the smallest disk, on the busiest machine. It begins too when
    a lane is gone: that may have been the last one.
    """
    hooks = []
    ready = asyncio.Event()
    put, hear, remove = PutCrew.run, PutCrew.hear, PutCrew._remove

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

    def gone(crew, lane, member):
        ready.set()
        remove(crew, lane, member)

    monkeypatch.setattr(PutCrew, "run", begin_together)
    monkeypatch.setattr(PutCrew, "_remove", gone)
    monkeypatch.setattr(PutCrew, "hear", overheard)
    monkeypatch.setattr("bulkput.jobs.lanes.put_crew.PORTION_BLOCKS", 8)
    return hooks
