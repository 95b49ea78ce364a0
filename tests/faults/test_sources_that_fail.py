"""Sources that change, fail or are none: one sentence, one exit code, never a wrong snapshot."""

import json
import os
import signal
import socket

import pytest
from faults.emulated import COMPLETE, until
from support.whole import BLOCK, read_with_boto3

BLOCKS = 90


@pytest.fixture
def slow(live):
    return live(latency_ms=40)


def halfway(program, server, *arguments, act):
    """Run, do something to the source when some blocks are there, and return the ended run."""
    with program.start(*arguments) as running:
        until(lambda: server.stored >= 8)
        act()
        out, err = running.communicate(timeout=30)
    assert "Traceback" not in err
    return running.returncode, out, " ".join(err.split())


@pytest.fixture
def patient(bulkput, slow):
    # The budget is less than the source: the end of it is read after the change.
    return bulkput(slow, puts_per_s_snapshot=80, memory_budget="32MiB", window="1MiB")


def touch_later(source):
    later_ns = source.stat().st_mtime_ns + 1_000_000_000
    os.utime(source, ns=(later_ns, later_ns))


def rewrite(source):
    with source.open("r+b") as file:
        os.pwrite(file.fileno(), b"changed" * 1000, 85 * BLOCK)
    touch_later(source)


def replace(source):
    other = source.with_suffix(".other")
    other.write_bytes(source.read_bytes())
    other.rename(source)


CHANGES = {
    "truncated": lambda source: os.truncate(source, 20 * BLOCK + 100),
    "emptied": lambda source: os.truncate(source, 0),
    "grown": lambda source: os.truncate(source, (BLOCKS + 10) * BLOCK),
    "replaced": replace,
    "written to": rewrite,
    "removed": lambda source: source.unlink(),
}


@pytest.mark.parametrize(
    ("change", "reader"),
    [*((change, "auto") for change in CHANGES), ("truncated", "preadv")],
)
def test_a_source_that_changes_under_the_reader_ends_in_code_6(
    slow, patient, image, job, change, reader
):
    source = image(BLOCKS)
    config = job(f"{{path: {source}, reader: {reader}}}")
    code, out, err = halfway(patient, slow, "run", config, act=lambda: CHANGES[change](source))
    assert slow.count(COMPLETE) == 0
    if code == -signal.SIGBUS:  # of a map nothing more is promised
        assert (change, reader) in {("truncated", "auto"), ("emptied", "auto")}
        return
    assert code == 6, err
    assert str(source) in err
    assert json.loads(out)["exit_code"] == 6


@pytest.mark.parametrize("change", ["written to", "grown"])
def test_a_changing_source_is_taken_where_that_is_allowed(
    slow, patient, image, job, change, tmp_path
):
    source = image(BLOCKS)
    before = source.read_bytes()
    config = job(source, "    allow_changing_source: true\n")
    code, out, err = halfway(patient, slow, "run", config, act=lambda: CHANGES[change](source))
    assert code == 0, err
    assert "each block is as it was when it was put" in err
    result = json.loads(out)
    assert slow.state(result["snapshot_id"]) == ("completed", "")
    copy = tmp_path / "copy"
    indexes = read_with_boto3(slow, result["snapshot_id"], copy, BLOCKS * BLOCK)
    assert indexes == list(range(BLOCKS))
    after, there = source.read_bytes(), copy.read_bytes()
    for index in range(BLOCKS):
        part = slice(index * BLOCK, (index + 1) * BLOCK)
        assert there[part] in (before[part], after[part]), index


def test_a_source_written_to_between_kill_and_end_is_compared_again(slow, patient, image, check):
    source = image(BLOCKS)
    code, _, err = halfway(patient, slow, "upload", source, act=lambda: rewrite(source))
    assert code == 6, err
    result = patient.upload(source)
    check(slow, result["snapshot_id"], source)


@pytest.mark.parametrize("reader", ["auto", "preadv"])
def test_a_bad_sector_ends_in_code_6_with_its_place(
    server, bulkput, image, job, ends, loop_device, reader
):
    source = image(24)
    device = loop_device(source)
    os.truncate(source, 10 * BLOCK + 8192)  # a loop device answers EIO beyond the end
    config = job(f"{{path: {device}, reader: {reader}}}")
    reported = ends(bulkput(server).run("run", config), 6, device, "block 10")
    assert str(10 * BLOCK + 8192) in reported.replace(",", "")
    assert server.count(COMPLETE) == 0


def test_a_bad_sector_that_is_mended_is_resumed(server, bulkput, image, check, loop_device):
    source = image(24)
    content = source.read_bytes()
    device = loop_device(source)
    os.truncate(source, 10 * BLOCK)
    assert bulkput(server).run("upload", device).returncode == 6
    with source.open("r+b") as file:
        file.write(content)
    check(server, bulkput(server).upload(device)["snapshot_id"], source)
    assert len(server.snapshots) == 1


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    folder = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # a socket's path must be short
    os.close(folder)


def beginning(content):
    return lambda path: path.write_bytes(content + bytes(BLOCK))


NO_SOURCES = {
    "missing": (lambda _: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "director"),
    "fifo": (fifo, "pipe"),
    "socket": (unix_socket, "socket"),
    "empty": (lambda path: path.touch(), "empty"),
    "character-device": (lambda path: path.symlink_to("/dev/zero"), "device"),
    "dangling-link": (lambda path: path.symlink_to("nowhere"), "does not exist"),
    "link-to-itself": (lambda path: path.symlink_to(path), "link"),
    "qcow2": (beginning(b"QFI\xfb\0\0\0\3"), "qcow2"),
    "vmdk": (beginning(b"KDMV\1\0\0\0"), "vmdk"),
}


def test_what_is_no_source_is_reported_in_one_sentence(server, bulkput, tmp_path):
    for kind, (make, _) in NO_SOURCES.items():
        make(tmp_path / kind)
    config = tmp_path / "job.yaml"
    volumes = "".join(f"  - source: {tmp_path / kind}\n" for kind in NO_SOURCES)
    config.write_text(f"version: 1\nvolumes:\n{volumes}")
    done = bulkput(server).run("run", config)
    assert done.returncode == 8, done.stderr
    outcomes = json.loads(done.stdout)["volumes"]
    for (kind, (_, word)), outcome in zip(NO_SOURCES.items(), outcomes, strict=True):
        assert outcome["exit_code"] == 6, outcome
        path = tmp_path / kind  # a link is named by what it leads to
        assert outcome["error"].startswith((str(path), str(path.parent), "/dev/zero")), outcome
        assert word in outcome["error"].lower(), outcome
        assert "\n" not in outcome["error"]
    assert server.snapshots == []


COMPRESSED = {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_compressed_disk_of_unknown_size_is_refused_in_one_sentence(
    server, bulkput, tmp_path, job, kind
):
    beginning(COMPRESSED[kind])(tmp_path / kind)
    done = bulkput(server).run("run", job(tmp_path / kind))
    assert done.returncode == 3, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "volume_size_gib" in error
    assert "\n" not in error
    assert server.snapshots == []
