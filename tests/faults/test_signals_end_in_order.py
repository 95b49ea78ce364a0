"""Ctrl-C, SIGTERM and the spot notice: puts under way end, and the way on is shown."""

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
from faults.emulated import COMPLETE, DESCRIBE, PUT, START, until
from faults.metadata import Metadata
from support.program import ForkedProgram

BLOCKS = 40


def resumed(program, err):
    """Run the command that was printed."""
    (line,) = [line for line in err.splitlines() if line.startswith("resume with: ")]
    words = shlex.split(line.removeprefix("resume with: "))
    assert words[0] == "bulkput"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ForkedProgram(words[1:], env=program.environment, **pipes) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_puts_end_and_reports_how_to_go_on(
    live, bulkput, image, check, number, code, tmp_path
):
    server = live(latency_ms=150)
    source = image(BLOCKS)
    program = bulkput(server, in_flight_max=4)
    report = tmp_path / "report.html"
    wanted = ("--report", report) if number == signal.SIGINT else ()
    with program.start("upload", source, *wanted) as running:
        until(lambda: server.stored >= 10)
        running.send_signal(number)
        out, err = running.communicate(timeout=10 if not wanted else 60)
    assert running.returncode == code, err
    if wanted:
        assert "Ended by a signal with exit code 130: 0 of 1 volume done" in report.read_text()
    assert "Traceback" not in err
    stored = server.stored
    assert json.loads(out)["exit_code"] == code
    assert json.loads(out)["snapshot_id"] == server.snapshots[0]
    where = f"{server.snapshots[0]} stays pending, with {stored} of {BLOCKS} blocks done"
    assert where in err
    assert stored < BLOCKS
    result = resumed(program, err)
    assert result["snapshot_id"] == server.snapshots[0]
    assert result["blocks"]["resumed"] == stored, "a put under way did not end"
    assert server.stored == BLOCKS
    check(server, result["snapshot_id"], source)


def test_puts_that_do_not_end_are_left_after_the_grace(server, bulkput, image, check):
    source = image(BLOCKS)
    server.script("never-answer", nth=10, times=None)
    program = bulkput(
        server,
        in_flight_max=4,
        shutdown_grace="0.5s",
        no_progress_deadline="30s",
        attempt_deadline="30s",
    )
    with program.start("upload", source) as running:
        until(lambda: server.hits() >= 4)
        began_s = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
        assert 0.4 < time.monotonic() - began_s < 4
    assert running.returncode == 130
    server.calm()
    result = resumed(program, err)
    assert result["blocks"]["resumed"] == 9
    check(server, result["snapshot_id"], source)


def test_a_second_signal_leaves_at_once(server, bulkput, image, check):
    source = image(BLOCKS)
    server.script("never-answer", nth=10, times=None)
    program = bulkput(
        server,
        in_flight_max=4,
        shutdown_grace="60s",
        no_progress_deadline="90s",
        attempt_deadline="90s",
    )
    with program.start("upload", source) as running:
        until(lambda: server.hits() >= 4)
        running.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.5)
        began_s = time.monotonic()
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=10)
    assert time.monotonic() - began_s < 2
    assert running.returncode in (143, -signal.SIGTERM)
    assert "Traceback" not in err
    assert "stopping: 4 requests under way, up to 1m 00s; again to leave at once\n" in err
    assert "disk.img: snap-" in err
    assert "stays pending, with 9 of" in err
    assert f"resume with: bulkput upload {source}" in err
    server.calm()
    result = program.upload(source)
    assert len(server.snapshots) == 1
    assert result["blocks"]["resumed"] == 9
    check(server, result["snapshot_id"], source)


HANGING = """
import os, sys, threading
from bulkput.source import read_exactly
from bulkput.cli.main import main
class Disk:
    read = 0
    def __getattr__(self, name):
        return getattr(os, name)
    def preadv(self, *arguments):
        self.read += 1
        if self.read > 2:
            threading.Event().wait()
        return os.preadv(*arguments)
read_exactly.os = Disk()
main(sys.argv[1:])
"""


def test_a_disk_that_hangs_does_not_hold_the_program(server, bulkput, image, job, check):
    source = image(BLOCKS)
    config = job(f"{{path: {source}, reader: preadv}}")
    program = bulkput(server, window="1MiB")
    arguments = program.command("run", config)
    command = [sys.executable, "-c", HANGING, *arguments]
    with subprocess.Popen(
        command, env=program.environment, stderr=subprocess.PIPE, text=True
    ) as running:
        until(lambda: server.count(PUT, 201) == 4)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 143, err
    assert "resume with: bulkput run" in err
    done = program.run("run", config)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["blocks"]["resumed"] == 4
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize("phase", ["starting", "sealing", "waiting"])
def test_a_signal_outside_the_upload_ends_it_too(live, bulkput, image, check, phase):
    server = live(completion_delay_s=20)
    operation = {"starting": START, "sealing": COMPLETE}.get(phase)
    if operation:
        server.script("delay-answer", operation, delay_s=60)
    is_reached = server.hits if operation else lambda: server.count(COMPLETE, 202)
    source = image(5)
    program = bulkput(server, shutdown_grace="0.5s")
    with program.start("upload", source) as running:
        until(is_reached)
        if phase == "waiting":
            asked = server.count(DESCRIBE, 200)
            until(lambda: server.count(DESCRIBE, 200) > asked)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "resume with: " in err
    assert ("uploaded and sealed" in err) == (phase == "waiting")
    server.clock.ahead_s += 25 if phase != "starting" else 0
    server.emulator.account.options.__dict__["completion_delay_s"] = 0.05
    result = program.upload(source)
    assert len(server.snapshots) == 1
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize(("on_failure", "state"), [("keep", "pending"), ("delete", "gone")])
def test_on_failure_decides_what_becomes_of_the_snapshot(
    live, bulkput, image, job, check, on_failure, state
):
    server = live(latency_ms=100)
    source = image(BLOCKS)
    config = job(source, f"    on_failure: {on_failure}\n")
    program = bulkput(server, in_flight_max=4)
    with program.start("run", config) as running:
        until(lambda: server.stored >= 8)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 143, err
    assert server.state(server.snapshots[0])[0] == state
    assert ("stays pending" in err) == (state == "pending")
    done = program.run("run", config)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["snapshot_id"] == server.snapshots[0]) == (state == "pending")
    check(server, result["snapshot_id"], source)


def test_a_failure_deletes_the_snapshot_where_that_is_asked(server, bulkput, image, job, ends):
    server.script("access-denied", nth=4, times=None)
    done = bulkput(server).run("run", job(image(20), "    on_failure: delete\n"))
    ends(done, 4)
    assert server.state(server.snapshots[0])[0] == "gone"


def test_the_spot_notice_ends_the_upload_with_code_5(live, bulkput, image, check):
    server = live(latency_ms=100)
    source = image(BLOCKS)
    with Metadata() as metadata:
        metadata.notice = {"action": "terminate", "time": "2026-11-25T12:00:00Z"}
        there = {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
            "AWS_EC2_METADATA_DISABLED": "false",
        }
        program = bulkput(server, there, in_flight_max=1)
        with program.start("upload", source) as running:
            out, err = running.communicate(timeout=15)
        assert metadata.polls
    assert running.returncode == 5, err
    assert json.loads(out)["exit_code"] == 5
    assert "terminate" in err
    assert "2026-11-25T12:00:00Z" in err
    assert "Traceback" not in err
    program.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    result = resumed(program, err)
    assert len(server.snapshots) == 1
    assert server.count(PUT, 201) == BLOCKS
    check(server, result["snapshot_id"], source)
