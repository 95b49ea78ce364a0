"""Volumes in worker processes of their own, against a server that is a process too.

The machine is said to have eight CPUs, so that workers are started on the smallest one.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
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
from bulkput.jobs.run import run_job
from bulkput.jobs.workers.worker_process import WorkerProcess
from bulkput.model.events import Noted, PhaseChanged, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.model.progress import Phase

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


async def test_each_volume_has_a_process_and_everything_it_reports_arrives(server, job, tmp_path):
    count = 3
    sources = [image(tmp_path / f"disk{n}.img", 20 + n, n) for n in range(count)]
    heard = Heard()
    outcomes = await run(job(server, *sources, verify="full"), heard)
    assert len(heard.workers) == count
    assert workers_of(os.getpid()) == []
    for number, (outcome, source) in enumerate(zip(outcomes, sources, strict=True)):
        assert (outcome.volume, outcome.status, outcome.exit_code) == (source.stem, "completed", 0)
        assert (outcome.source, outcome.verified) == (str(source), "full")
        assert outcome.blocks["put"] == outcome.blocks["total"] == 20 + number
        copy = tmp_path / "copy.img"
        read_with_boto3(server, outcome.snapshot_id, copy, source.stat().st_size)
        assert same_content(source, copy, source.stat().st_size)
        began, *between, ended = heard.of(source.stem)
        assert isinstance(began, VolumeStarted)
        assert began.source == str(source)
        assert [each.phase for each in between if isinstance(each, PhaseChanged)] == [
            Phase.STARTING,
            Phase.UPLOADING,
            Phase.SEALING,
            Phase.WAITING,
            Phase.VERIFYING,
        ]
        assert ended == VolumeEnded(outcome)
        progress = began.progress
        assert (progress.blocks_put, progress.blocks_verified) == (20 + number, 20 + number)
        assert (progress.phase, progress.snapshot_id) == (Phase.DONE, outcome.snapshot_id)


def fail_third_put(server):
    fault = {"kind": "internal-error", "operation": "PutSnapshotBlock", "nth": 3}
    control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))


async def test_retries_and_notes_of_a_worker_are_reported(server, job, tmp_path):
    fail_third_put(server)
    sources = [image(tmp_path / f"disk{n}.img", 10, n) for n in range(2)]
    with sources[0].open("ab") as file:
        file.truncate(20 * BLOCK)  # holes, which are noted
    heard = Heard()
    outcomes = await run(job(server, *sources), heard)
    assert [outcome.exit_code for outcome in outcomes] == [0, 0]
    (retried,) = [each for each in heard.events if isinstance(each, PutRetried)]
    assert sum(outcome.puts["retried"] for outcome in outcomes) == 1
    assert retried.volume in ("disk0", "disk1")
    notes = [each.text for each in heard.of("disk0") if isinstance(each, Noted)]
    assert len(notes) == 2  # of the holes, and that random bytes do not look like a disk
    assert outcomes[0].notes == tuple(notes)


async def test_more_volumes_than_places_take_turns(server, job, tmp_path):
    sources = [image(tmp_path / f"disk{n}.img", 4, n) for n in range(3)]
    most = []
    heard = Heard(lambda _event: most.append(len(workers_of(os.getpid()))))
    outcomes = await run(job(server, *sources, parallel=2), heard)
    assert [outcome.status for outcome in outcomes] == ["completed"] * 3
    assert max(most) == 2
    assert len(heard.workers) == 3, "one volume, one process"


async def test_more_places_than_processes_share_processes(server, job, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    sources = [image(tmp_path / f"disk{n}.img", 20, n) for n in range(4)]
    heard = Heard()
    outcomes = await run(job(server, *sources), heard)
    assert [outcome.status for outcome in outcomes] == ["completed"] * 4
    assert len(heard.workers) == 2


async def test_processes_share_the_account_and_the_last_one_has_all_of_it(
    server, job, tmp_path, monkeypatch
):
    monkeypatch.setattr("bulkput.jobs.workers.pool.process_count", lambda *_, **__: 2)
    sources = [image(tmp_path / f"disk{n}.img", blocks, n) for n, blocks in enumerate((75, 190))]
    limited = job(server, *sources) | {"tuning": {"puts_per_s_account": 60}}
    peaks = []

    def note(event):
        if isinstance(event, VolumeEnded):
            peaks.append(stats(server)["put_peak_per_s"])
            stats(server, method="DELETE")

    outcomes = await run(limited, Heard(note))
    assert [outcome.status for outcome in outcomes] == ["completed"] * 2
    together, alone = peaks
    assert 40 < together < 70
    assert 45 < alone < 70, "half of the account's 60 were left unused"


def test_a_volume_that_fails_stops_no_other_and_the_program_ends_with_8(server, job, tmp_path):
    sources = [image(tmp_path / "good.img", 8, 1), tmp_path / "missing.img"]
    with start(tmp_path, job(server, *sources)) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 8, err
    good, missing = json.loads(out)["volumes"]
    assert (good["exit_code"], missing["exit_code"]) == (0, ExitCode.SOURCE)
    assert "missing.img" in missing["error"]
    assert "Traceback" not in err


async def test_a_worker_that_finds_no_credentials_reports_it(server, job, tmp_path, monkeypatch):
    # The job itself finds them; whoever is started later does not.
    sources = [image(tmp_path / f"disk{n}.img", 4, n) for n in range(2)]
    monkeypatch.setattr("bulkput.jobs.workers.pool.WorkerProcess", without_keys(monkeypatch))
    outcomes = await run(job(server, *sources), Heard())
    assert [outcome.exit_code for outcome in outcomes] == [ExitCode.CREDENTIALS] * 2
    assert all("no credentials were found" in outcome.error for outcome in outcomes)


def without_keys(monkeypatch):
    def make(*arguments, **more):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
        return WorkerProcess(*arguments, **more)

    return make


async def test_a_killed_worker_fails_its_volume_alone_and_a_rerun_resumes(
    slow_server, job, tmp_path
):
    sources = [image(tmp_path / f"disk{n}.img", 60, n) for n in range(2)]
    wanted = job(slow_server, *sources)
    progress = {}

    def note(event):
        if isinstance(event, VolumeStarted):
            progress[event.progress.volume] = event.progress

    def kill_one():
        until(lambda: "disk1" in progress and progress["disk1"].blocks_put > 10)
        (victim,) = [pid for pid in workers_of(os.getpid()) if has_open(pid, sources[1])]
        os.kill(victim, signal.SIGKILL)

    heard = Heard(note)
    outcomes, _ = await asyncio.gather(run(wanted, heard), asyncio.to_thread(kill_one))
    good, killed = outcomes
    assert (good.status, good.exit_code) == ("completed", 0)
    assert (killed.status, killed.exit_code) == ("failed", ExitCode.TEMPORARY)
    assert "was killed by SIGKILL" in killed.error
    assert "the same command resumes" in killed.error
    assert killed.snapshot_id
    assert killed.blocks["put"] > 10
    assert progress["disk1"].phase is Phase.FAILED
    assert heard.of("disk1")[-1] == VolumeEnded(killed)

    again = (await run(wanted, Heard()))[1]
    assert (again.status, again.snapshot_id) == ("completed", killed.snapshot_id)
    assert again.blocks["resumed"] >= killed.blocks["put"]
    copy = tmp_path / "copy.img"
    read_with_boto3(slow_server, again.snapshot_id, copy, sources[1].stat().st_size)
    assert same_content(sources[1], copy, sources[1].stat().st_size)


def test_a_signal_is_passed_on_workers_drain_and_a_rerun_resumes(slow_server, job, tmp_path):
    sources = [image(tmp_path / f"disk{n}.img", 60, n) for n in range(2)]
    wanted = job(slow_server, *sources)
    with start(tmp_path, wanted) as running:
        workers = until(lambda: len(found := workers_of(running.pid)) == 2 and found)
        for pid in workers:
            assert os.getsid(pid) == pid, "Ctrl-C in the terminal would hit it"
            arguments = Path(f"/proc/{pid}/cmdline").read_text()
            assert SECRET_KEY not in arguments
            assert ACCESS_KEY not in arguments
        until(lambda: stored(slow_server) > 20)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert all(has_ended(pid) for pid in workers)
    before = stored(slow_server)
    assert before < 120
    with start(tmp_path, wanted) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    volumes = json.loads(out)["volumes"]
    assert sum(volume["blocks"]["resumed"] for volume in volumes) == before, "a put did not end"
    assert stored(slow_server) == 120


def test_workers_do_not_outlive_a_killed_job(slow_server, job, tmp_path):
    sources = [image(tmp_path / f"disk{n}.img", 60, n) for n in range(2)]
    wanted = job(slow_server, *sources)
    with start(tmp_path, wanted) as running:
        workers = until(lambda: len(found := workers_of(running.pid)) == 2 and found)
        until(lambda: stored(slow_server) > 20)
        running.kill()
        running.communicate(timeout=20)
    until(lambda: all(has_ended(pid) for pid in workers), limit_s=5)
    with start(tmp_path, wanted) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert sum(volume["blocks"]["resumed"] for volume in json.loads(out)["volumes"]) > 10


def test_the_embedded_server_and_samples_are_made_once_for_all_workers(job, tmp_path):
    server = Server(tmp_path, url="embedded")
    wanted = job(server, tmp_path / "a.img", tmp_path / "b.img")
    for volume in wanted["volumes"]:
        volume["source"] = {"sample": "8MiB"}
    with start(tmp_path, wanted) as running:
        workers = until(lambda: len(found := workers_of(running.pid)) == 2 and found)
        servers = [pid for pid in children_of(running.pid) if pid not in workers]
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert len(servers) == 1
    volumes = json.loads(out)["volumes"]
    assert [volume["status"] for volume in volumes] == ["completed"] * 2
    assert volumes[0]["checksum"] == volumes[1]["checksum"]


def children_of(parent):
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


def stored(server):
    """Return how many puts the server has stored."""
    return stats(server)["blocks_stored"]


def stats(server, method="GET"):
    return control(server, "stats", method=method, keys=(ACCESS_KEY, SECRET_KEY))
