"""Compressed disks and standard input through the real program, whatever happens on the way."""

import json
import re
import subprocess
import sys

import pytest
from faults.emulated import PUT, until
from support.streams import COMPRESS

BLOCK = 524_288
BLOCKS = 20


@pytest.fixture
def compressed(tmp_path):
    def make(source, kind):
        path = tmp_path / f"disk.{kind}"
        path.write_bytes(COMPRESS[kind](source.read_bytes()))
        return path

    return make


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_disk_arrives_and_is_verified(
    server, bulkput, image, compressed, check, ends, kind
):
    source = image(BLOCKS, tail_bytes=777)
    path = compressed(source, kind)
    program = bulkput(server)
    sized = ("--volume-size-gib", "1")
    planned = json.loads(program.run("plan", path).stdout)["volumes"][0]
    assert planned["exit_code"] == 3
    assert "--volume-size-gib" in planned["error"]
    done = program.run("upload", path, *sized, "--verify")
    assert f"{kind}, decoded" in ends(done, 0)
    result = json.loads(done.stdout)
    assert result["source_format"] == kind
    assert result["verified"] == "full"
    assert (result["blocks"]["total"], result["blocks"]["put"]) == (2048, BLOCKS + 1)
    again = program.run("verify", result["snapshot_id"], "--source", path, *sized)
    assert again.returncode == 0, again.stderr
    check(server, result["snapshot_id"], source)


def test_puts_that_fail_are_repeated_with_the_bytes_that_were_kept(
    live, bulkput, image, compressed, check
):
    server = live(latency_ms=20)
    source = image(BLOCKS)
    for nth, kind in ((1, "internal-error"), (5, "reset-mid-body"), (9, "throttle-snapshot")):
        server.script(kind, PUT, nth=nth)
    server.script("internal-error", PUT, nth=12, times=4)
    program = bulkput(server, memory_budget="32MiB", hash_workers=2)
    result = program.upload(compressed(source, "gzip"), "--volume-size-gib", "1")
    assert result["puts"]["retried"] >= 6
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize("piped", [False, True])
def test_a_killed_upload_resumes_and_puts_only_what_is_missing(
    live, bulkput, image, compressed, check, piped
):
    server = live(latency_ms=40)
    source = image(BLOCKS)
    path = compressed(source, "gzip")
    program = bulkput(server, in_flight_max=4, puts_per_s_snapshot=50)
    arguments = ("-" if piped else path, "--volume-size-gib", "1")
    with path.open("rb") as stdin, program.start("upload", *arguments, stdin=stdin) as running:
        until(lambda: server.stored >= 8)
        running.kill()
        running.communicate()
    with path.open("rb") as stdin:
        done = program.run("upload", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["snapshot_id"] == server.snapshots[0]
    assert result["blocks"]["resumed"] >= 4
    assert result["blocks"]["put"] + result["blocks"]["resumed"] == BLOCKS
    assert server.stored <= BLOCKS + 4
    check(server, result["snapshot_id"], source)


def test_a_truncated_stream_completes_nothing_and_its_whole_copy_goes_on(
    server, bulkput, image, compressed, check, ends
):
    source = image(BLOCKS)
    path = compressed(source, "xz")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    program = bulkput(server)
    ends(program.run("upload", path, "--volume-size-gib", "1"), 6, "damaged or cut short")
    (snapshot,) = server.snapshots
    assert server.state(snapshot)[0] == "pending"
    path.write_bytes(whole)
    result = program.upload(path, "--volume-size-gib", "1")
    assert result["snapshot_id"] == snapshot
    assert result["blocks"]["resumed"] > 0
    check(server, snapshot, source)


def test_a_damaged_stream_completes_nothing_even_where_changes_are_allowed(
    server, bulkput, image, compressed, ends
):
    path = compressed(image(3), "gzip")
    path.write_bytes(path.read_bytes() + b"garbage")
    arguments = ("--volume-size-gib", "1", "--allow-changing-source")
    ends(bulkput(server).run("upload", path, *arguments), 6, "damaged")
    assert server.state(server.snapshots[0])[0] == "pending"


def test_a_pipe_is_uploaded_by_one_command_and_verified_by_another(
    server, bulkput, image, check, ends
):
    source = image(BLOCKS, tail_bytes=5)
    program = bulkput(server)
    with subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as writer:
        done = program.run("upload", "-", "--volume-size-gib", "1", stdin=writer.stdout)
    ends(done, 0, "standard input", "stdin")
    result = json.loads(done.stdout)
    assert (result["volume"], result["source_format"]) == ("stdin", "raw")
    assert any(f"ended after {source.stat().st_size:,} bytes" in each for each in result["notes"])
    for path, code in ((source, 0), (image(BLOCKS, name="other.img", seed=9), 7)):
        with path.open("rb") as stdin:
            arguments = ("--source", "-", "--volume-size-gib", "1")
            again = program.run("verify", result["snapshot_id"], *arguments, stdin=stdin)
        assert again.returncode == code, again.stderr
    check(server, result["snapshot_id"], source)


def test_what_a_pipe_cannot_do_is_reported_at_once(server, bulkput, ends):
    program = bulkput(server)
    null = {"stdin": subprocess.DEVNULL}
    ends(program.run("upload", "-", **null), 3, "--volume-size-gib")
    sized = ("upload", "-", "--volume-size-gib", "1")
    ends(program.run(*sized, "--verify", **null), 3, "cannot be read a second time")
    ends(program.run(*sized, **null), 6, "standard input", "is empty")
    assert not server.snapshots, "an upload was begun for nothing"


def test_a_signal_ends_an_upload_that_waits_for_its_pipe(server, bulkput):
    code = "import sys, time; sys.stdout.buffer.write(bytes(1 << 20)); sys.stdout.flush(); "
    program = bulkput(server)
    with subprocess.Popen(
        [sys.executable, "-c", code + "time.sleep(60)"], stdout=subprocess.PIPE
    ) as writer:
        arguments = ("upload", "-", "--volume-size-gib", "1")
        with program.start(*arguments, stdin=writer.stdout) as running:
            until(lambda: server.snapshots)
            running.terminate()
            _, err = running.communicate(timeout=15)
        writer.kill()
    assert running.returncode == 143, err
    assert re.search("resume with: .*upload - ", err)
