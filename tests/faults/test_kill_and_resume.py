"""The real program is killed at any moment, as often as may be, and the next run finishes."""

import fcntl
import json
import os
import random
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from faults.emulated import COMPLETE, DESCRIBE, PUT, START, until

from bulkput.jobs.state.uploads import read_unfinished
from bulkput.ledger.ledger import Ledger

IN_FLIGHT = 4
BLOCKS = 36


def killed_and_resumed(seed, kills, server, bulkput, source, check):
    """Kill the program ``kills`` times, let it end, and check what a user is promised."""
    chance = random.Random(seed)
    program = bulkput(server, in_flight_max=IN_FLIGHT, puts_per_s_snapshot=50)
    program.is_imported = False  # a kill may come before the first import
    killed, known, is_noted = 0, None, True
    while True:
        stored_before, snapshots_before, phases = server.stored, len(server.snapshots), []
        out = ""
        while not out:
            with program.start("upload", source) as running:
                # From before the first import to after the seal.
                limit_s = chance.uniform(0.0, 2.0) if killed < kills else 60
                try:
                    out, err = running.communicate(timeout=limit_s)
                except subprocess.TimeoutExpired:
                    assert killed < kills, "the last run hangs"
                    running.kill()
                    out, err = running.communicate()
                    killed += 1
                    phases.append(err.strip().rsplit("\n", 1)[-1])
            assert running.returncode in {0, -signal.SIGKILL}, (seed, err)
        reported = json.loads(out)["snapshot_id"]
        check(server, reported, source)
        if reported == known:  # at least once: a kill came between the result and the note of it
            assert not is_noted, (seed, phases)
            assert (len(server.snapshots), server.stored) == (snapshots_before, stored_before)
        else:
            assert len(server.snapshots) == snapshots_before + 1, (seed, phases)
            repeated = server.stored - stored_before - BLOCKS
            assert 0 <= repeated <= len(phases) * IN_FLIGHT, (seed, repeated, phases)
        if killed == kills:
            return
        known, is_noted = reported, running.returncode == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_program_killed_at_random_moments_is_resumed(seed, live, bulkput, image, check):
    server = live(latency_ms=40, jitter_ms=40, completion_delay_s=0.3)
    killed_and_resumed(seed, 4, server, bulkput, image(BLOCKS, seed=seed), check)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(100, 200))
def test_500_kills_lose_nothing(seed, live, bulkput, image, check):
    server = live(latency_ms=40, jitter_ms=40, completion_delay_s=0.3)
    killed_and_resumed(seed, 5, server, bulkput, image(BLOCKS, seed=seed), check)


PHASES = {
    "starting, unanswered": (START, "delay-answer", 1, 0),
    "uploading, first put under way": (PUT, "delay-answer", 1, 0),
    "uploading, last put under way": (PUT, "delay-answer", BLOCKS, BLOCKS - 1),
    "sealing, sent and unanswered": (COMPLETE, "delay-answer", 1, BLOCKS),
    "waiting": (DESCRIBE, "delay-answer", 2, BLOCKS),  # the first asks about encryption
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_program_killed_in_a_phase_is_resumed(server, bulkput, image, check, phase):
    operation, kind, nth, resumed = PHASES[phase]
    source = image(BLOCKS)
    server.script(kind, operation, nth=nth, delay_s=30)
    program = bulkput(server, in_flight_max=1, attempt_deadline="30s", no_progress_deadline="30s")
    with program.start("upload", source) as running:
        until(lambda: server.hits() == 1)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    result = program.upload(source)
    assert len(server.snapshots) == 1
    assert result["snapshot_id"] == server.snapshots[0]
    assert result["blocks"]["resumed"] == resumed, result["blocks"]
    assert server.stored <= BLOCKS + 1
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize("verify", [(), ("--verify",)], ids=["unverified", "verified"])
def test_a_program_killed_before_it_reported_its_result_reports_it_when_it_is_run_again(
    server, bulkput, image, verify
):
    source = image(4)
    program = bulkput(server)
    unread, full = os.pipe()  # a pipe that nobody reads: the result cannot be written
    os.write(full, bytes(fcntl.fcntl(full, fcntl.F_GETPIPE_SZ)))
    with program.start("upload", source, *verify, stdout=full) as running:
        assert any("completed" in line for line in running.stderr), "the summary"
        running.kill()
    os.close(unread)
    os.close(full)
    stored, seals = server.stored, server.count(COMPLETE)
    (first,) = server.snapshots
    (left,) = read_unfinished(program.state_dir)
    assert (left.entry.snapshot_id, left.settled_fraction) == (first, 1.0)
    again = program.upload(source, *verify)
    assert (again["snapshot_id"], again["status"]) == (first, "completed")
    assert again["verified"] == ("full" if verify else None)
    assert again["blocks"]["resumed"] == 4
    assert (server.stored, server.count(COMPLETE)) == (stored, seals)
    assert read_unfinished(program.state_dir) == []


def test_a_result_that_finds_no_room_is_reported_by_the_next_run(server, bulkput, image, ends):
    source = image(4)
    program = bulkput(server)
    with Path("/dev/full").open("w") as full, program.start("upload", source, stdout=full) as it:
        _, err = it.communicate(timeout=60)
    assert it.returncode == 10, err
    assert program.upload(source)["snapshot_id"] == server.snapshots[0]
    assert server.stored == 4


def test_volumes_that_were_completed_are_reported_and_not_sent_again_when_the_job_is_resumed(
    server, bulkput, image, tmp_path
):
    """Killed in the second volume, then out of time there: the first is uploaded once."""
    sources = [image(4, name="one.img", seed=1), image(4, name="two.img", seed=2)]
    job = tmp_path / "job.yaml"
    volumes = "".join(f"  - source: {source}\n" for source in sources)
    job.write_text(f"version: 1\nvolumes:\n{volumes}")
    server.script("delay-answer", nth=5, delay_s=30)
    patient = bulkput(server, attempt_deadline="30s", no_progress_deadline="30s")
    with patient.start("run", job) as running:
        until(lambda: server.hits() == 1)
        running.kill()
        running.communicate()
    server.calm()
    server.script("internal-error", times=None)
    ended = bulkput(server, give_up_after="0.5s", operation_deadline="0.5s").run("run", job)
    assert ended.returncode == 8, ended.stderr
    assert "resume with" in ended.stderr
    server.calm()
    done = bulkput(server).run("run", job)
    assert done.returncode == 0, done.stderr
    reported = [volume["snapshot_id"] for volume in json.loads(done.stdout)["volumes"]]
    assert reported == server.snapshots
    assert len(reported) == 2
    assert read_unfinished(patient.state_dir) == []


def test_a_killed_and_resumed_device_upload_sends_only_what_is_not_acknowledged(
    live, bulkput, image, check, loop_device
):
    server = live(latency_ms=40)
    source = image(BLOCKS)
    device = loop_device(source)
    program = bulkput(server, in_flight_max=IN_FLIGHT, puts_per_s_snapshot=50)
    with program.start("upload", device) as running:
        until(lambda: server.stored >= 12)
        running.kill()
        running.communicate()
    with source.open("r+b") as disk:  # a device does not report when it changed
        os.pwrite(disk.fileno(), b"changed", 3 * 524_288)
    subprocess.run(["blockdev", "--flushbufs", device], check=True)
    result = program.upload(device)
    assert result["blocks"]["put"] >= BLOCKS - 12
    assert server.stored <= BLOCKS + IN_FLIGHT + 1
    check(server, result["snapshot_id"], source)


def test_a_source_changed_between_two_runs_is_reported_and_sent_anew(
    live, bulkput, image, check, ends
):
    server = live(latency_ms=40)
    source = image(BLOCKS)
    program = bulkput(server, in_flight_max=IN_FLIGHT, puts_per_s_snapshot=50)
    with program.start("upload", source) as running:
        until(lambda: server.stored >= 12)
        running.kill()
        running.communicate()
    with source.open("r+b") as disk:
        os.pwrite(disk.fileno(), b"changed", 3 * 524_288)
    done = program.run("upload", source)
    assert "changed" in ends(done, 0)
    check(server, json.loads(done.stdout)["snapshot_id"], source)


def begun_minutes_ago(program):
    """EC2 may not know a snapshot that is new; what it does not know later is gone."""
    (folder,) = (path.parent for path in program.state_dir.glob("*/ledger.json"))
    with Ledger.open(folder) as ledger:
        ledger.amend(replace(ledger.header, created_unix_s=ledger.header.created_unix_s - 300))


@pytest.mark.parametrize("fate", ["deleted", "timed out"])
def test_a_snapshot_that_is_gone_is_replaced_and_reported(live, bulkput, image, check, ends, fate):
    # boto3, which reads it back, does not follow a clock that moves.
    server = live(latency_ms=40, verify_signatures=False)
    source = image(BLOCKS)
    program = bulkput(server, in_flight_max=IN_FLIGHT, puts_per_s_snapshot=50)
    with program.start("upload", source, "--timeout-min", "10") as running:
        until(lambda: server.stored >= 12)
        running.kill()
        running.communicate()
    (first,) = server.snapshots
    if fate == "deleted":
        server.client("ec2").delete_snapshot(SnapshotId=first)
        begun_minutes_ago(program)
    else:
        server.clock.ahead_s += 11 * 60
    done = program.run("upload", source, "--timeout-min", "10")
    reported = ends(done, 0, first)
    result = json.loads(done.stdout)
    assert result["snapshot_id"] != first
    assert "new" in reported
    assert result["blocks"]["put"] == BLOCKS
    check(server, result["snapshot_id"], source)
