"""Images through the real program: what arrives, and that QEMU's process never outlives it."""

import gzip
import json
import random
import signal
import tempfile
from pathlib import Path

import pytest
from faults.emulated import PUT, until
from support.images import MADE, qemu_img, write_sample
from support.written_images import fixed_vhd


def server_processes(process_id):
    """Return the qemu-nbd processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text()
        except OSError:
            continue
        name, _, rest = state.partition("(")[2].rpartition(")")
        if name == "qemu-nbd" and rest.split()[1] == str(process_id):
            found.append(int(folder.name))
    return found


def is_running(process_id):
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def sample(tmp_path):
    return write_sample(tmp_path / "disk.raw")


@pytest.fixture
def qcow2(sample, tmp_path):
    path = tmp_path / "disk.qcow2"
    qemu_img("convert", *MADE["qcow2"][1:], sample, path)
    return path


def test_an_image_arrives_and_its_format_is_reported(server, bulkput, sample, qcow2, check, ends):
    program = bulkput(server)
    planned = json.loads(program.run("plan", qcow2).stdout)["volumes"][0]
    assert (planned["source_format"], planned["blocks"]["data"]) == ("qcow2", 5)
    done = program.run("upload", qcow2, "--verify")
    reported = ends(done, 0)
    assert "qcow2, decoded" in reported
    assert "as QEMU decodes it" in reported
    result = json.loads(done.stdout)
    assert "does not prove the decoding" in " ".join(result["notes"])
    assert result["source_format"] == "qcow2"
    assert result["blocks"]["put"] == planned["puts"] == 5
    assert result["blocks"]["skipped_hole"] == 27
    check(server, result["snapshot_id"], sample)


def test_what_is_no_disk_is_noted_and_a_container_refused(server, bulkput, tmp_path, ends):
    program = bulkput(server)
    (tmp_path / "disk").write_bytes(random.Random(9).randbytes(1 << 20))
    done = program.run("upload", tmp_path / "disk")
    assert "does not look like a disk" in ends(done, 0)
    assert any("does not look like a disk" in note for note in json.loads(done.stdout)["notes"])
    assert not json.loads(program.run("upload", tmp_path / "disk", "--format", "raw").stdout)[
        "notes"
    ]
    (tmp_path / "archive").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(1000))
    ends(program.run("upload", tmp_path / "archive"), 6, "begins like 7z", "format: raw")


@pytest.mark.parametrize("how", ["file", "gzip"])
def test_a_vhd_exported_from_azure_arrives_with_its_end(server, bulkput, tmp_path, check, how):
    disk = b"the beginning" * 1000
    disk = disk.ljust(64 << 20, b"\0")[:-53_248] + b"\2" * 53_248
    (tmp_path / "disk.raw").write_bytes(disk)
    image = fixed_vhd(disk, creator=b"wa\0\0")
    choices = ("--verify",)
    if how == "gzip":
        image = gzip.compress(image, 1)
        choices += ("--volume-size-gib", "1")
    (tmp_path / "disk").write_bytes(image)
    result = bulkput(server).upload(tmp_path / "disk", *choices)
    assert (result["volume_size_gib"], result["verified"]) == (1, "full")
    check(server, result["snapshot_id"], tmp_path / "disk.raw")


@pytest.fixture
def own_temporary():
    """Of a short path, as a socket's must be."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_program_leaves_no_process_and_the_next_resumes(
    server, bulkput, sample, qcow2, check, own_temporary, number
):
    server.script("delay-answer", PUT, nth=3, delay_s=30)
    program = bulkput(
        server,
        environment={"TMPDIR": str(own_temporary)},
        in_flight_max=1,
        shutdown_grace="0.1s",
        attempt_deadline="30s",
        no_progress_deadline="30s",
    )
    with program.start("upload", qcow2) as running:
        until(lambda: server.hits() == 1)
        (child,) = server_processes(running.pid)
        assert is_running(child)
        open_files = [str(each.readlink()) for each in Path(f"/proc/{child}/fd").iterdir()]
        assert str(qcow2) in open_files
        running.send_signal(number)
        running.communicate()
    until(lambda: not is_running(child))
    assert list(own_temporary.glob("bulkput-*/nbd")) == []
    result = program.upload(qcow2)
    assert result["snapshot_id"] == server.snapshots[0]
    assert result["blocks"]["resumed"] == 2
    check(server, result["snapshot_id"], sample)


def test_where_qemu_is_missing_its_package_is_named(server, bulkput, qcow2, tmp_path, ends):
    program = bulkput(server, environment={"PATH": str(tmp_path)})
    ends(program.run("upload", qcow2), 6, "qemu-nbd is not installed", "qemu-utils")


def test_an_image_that_builds_upon_another_takes_a_word(
    server, bulkput, sample, qcow2, tmp_path, check, ends
):
    over = tmp_path / "over.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", qcow2, "-F", "qcow2", over)
    program = bulkput(server)
    ends(program.run("upload", over), 6, "needs another file", "allow_backing_file")
    result = program.upload(over, "--allow-backing-file")
    check(server, result["snapshot_id"], sample)
