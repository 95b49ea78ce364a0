"""Worker processes that fail, are killed or get a signal: their volumes, and the rerun."""

import asyncio
import json
import os
import signal
from pathlib import Path

from support.whole import (
    ACCESS_KEY,
    SECRET_KEY,
    read_with_boto3,
    same_content,
)
from support.worker_jobs import (
    Heard,
    has_ended,
    has_open,
    image,
    run,
    start,
    stored,
    until,
    workers_of,
)

from bulkput.jobs.workers.worker_process import WorkerProcess
from bulkput.model.events import VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.model.progress import Phase


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
