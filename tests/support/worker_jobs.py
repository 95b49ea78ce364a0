"""Jobs whose volumes have worker processes: what they are run on, and what is seen of them."""

import contextlib
import json
import os
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
)

from bulkput.config.settings import JobSettings
from bulkput.jobs.run import run_job
from bulkput.model.events import PhaseChanged, VolumeEnded, VolumeStarted

HIGH = {"puts_per_s_snapshot": 50_000, "puts_per_s_account": 50_000}
PROGRAM = """
import os, sys
os.sched_getaffinity = lambda _: set(range(8))
from bulkput.cli.main import main
main(sys.argv[1:])
"""


def image(path, blocks, seed):
    with path.open("wb") as file:
        for _ in range(blocks):
            file.write(random.Random(seed).randbytes(BLOCK))
            seed += 1000
    return path


def workers_of(parent):
    """Return the process ids of ``parent``'s workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if ppid == parent and b"bulkput.jobs.workers" in (folder / "cmdline").read_bytes():
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


class Heard:
    """An observer that keeps everything, and looks at the workers when a volume begins to put."""

    def __init__(self, on_event=lambda _event: None):
        self.events = []
        self.workers = set()
        self._on_event = on_event

    def on_event(self, event):
        self.events.append(event)
        if isinstance(event, PhaseChanged):
            self.workers.update(workers_of(os.getpid()))
        self._on_event(event)

    def of(self, volume):
        return [each for each in self.events if name_of(each) == volume]


def name_of(event):
    if isinstance(event, VolumeStarted):
        return event.progress.volume
    return event.outcome.volume if isinstance(event, VolumeEnded) else event.volume


def start(tmp_path, job):
    """Start the program as a user would, with the job in a file."""
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps(job))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", str(path), "--output", "json"],
        env=dict(ENVIRONMENT, HOME=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def run(job, heard):
    return await run_job(JobSettings.model_validate(job), observer=heard)


def children_of(parent):
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


def stored(server):
    """Return how many puts the server has stored."""
    return stats(server)["blocks_stored"]


def stats(server, method="GET"):
    return control(server, "stats", method=method, keys=(ACCESS_KEY, SECRET_KEY))
