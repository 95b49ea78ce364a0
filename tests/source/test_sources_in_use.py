"""Sources that somebody else may write to are refused, and who it is is named.

Where others only read, nothing is in the way.
"""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from support.holding import FLOCKS, LOCKS, MAPS_AND_CLOSES, held
from support.images import qemu_img

from bulkput.machine.leases import is_open_elsewhere
from bulkput.machine.use import file_users
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError, SourceInUseError
from bulkput.source.buffered import BufferedWindow
from bulkput.source.open import open_source


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(8 * BLOCK_SIZE_BYTES))
    return path


def refusal(path, **options):
    """Return why ``path`` is refused; that it is not if the user allows it."""
    with pytest.raises(SourceInUseError) as caught:
        open_source(path, **options)
    assert "allow_mounted" in caught.value.what
    source = open_source(path, allow_mounted=True, **options)
    source.close()
    return caught.value.what


def test_a_file_whose_loop_device_is_mounted_is_refused_with_both(disk, attach_loop, mount):
    loop = attach_loop(disk)
    mount_point = mount(loop)
    what = refusal(disk)
    assert f"{loop} is attached to it for writing ({loop.name} is mounted at {mount_point})" in what


def test_a_file_that_is_a_loop_device_for_writing_is_refused_though_nobody_mounts_it(
    disk, attach_loop
):
    loop = attach_loop(disk)
    assert f"{loop} is attached to it for writing;" in refusal(disk)


def test_a_renamed_file_and_another_name_of_it_are_refused_too(disk, attach_loop, tmp_path):
    attach_loop(disk)
    renamed, other = tmp_path / "renamed.img", tmp_path / "other.img"
    disk.rename(renamed)
    os.link(renamed, other)
    assert "is attached to it" in refusal(renamed)
    assert "is attached to it" in refusal(other)


def test_a_file_that_is_a_loop_device_for_reading_only_is_read(disk, attach_loop):
    attach_loop(disk, "--read-only")
    open_source(disk).close()


def test_a_file_that_another_process_writes_is_refused_with_its_id(disk):
    with held(disk) as process_id:
        assert f"process {process_id} (python" in refusal(disk)
        assert "has it open for writing" in refusal(disk)
    open_source(disk).close()


def test_what_others_may_write_to_is_copied_when_it_is_allowed(disk):
    with held(disk):
        source = open_source(disk, allow_mounted=True)
        window = source.read_window(0, 1)
        assert isinstance(window, BufferedWindow)
        window.close()
        source.close()


def test_a_file_that_others_only_read_is_read(disk):
    with held(disk, "O_RDONLY"):
        first = open_source(disk)
        open_source(disk).close()
        first.close()


def test_a_map_whose_descriptor_is_closed_counts(disk):
    with held(disk, then=MAPS_AND_CLOSES) as process_id:
        assert f"process {process_id} (python" in refusal(disk)


def test_this_process_itself_counts_too(disk):
    with disk.open("r+b"):
        assert "this process itself has it open for writing" in refusal(disk)


@pytest.mark.parametrize(
    ("flags", "then", "message"),
    [
        ("O_RDWR", LOCKS, "has locked it for writing"),
        ("O_RDONLY", FLOCKS, "has locked it (flock)"),
    ],
    ids=["fcntl", "flock"],
)
def test_locks_of_others_are_respected(disk, flags, then, message):
    with held(disk, flags, then) as process_id:
        what = refusal(disk)
        assert message in what
        assert f"process {process_id} (python" in what


def test_vmwares_lock_is_respected(disk, tmp_path):
    (tmp_path / "disk.img.lck").mkdir()
    assert "VMware has locked it by disk.img.lck" in refusal(disk)


@contextmanager
def served_by_qemu(path, tmp_path, *options):
    id_file, socket = tmp_path / "pid", tmp_path / "socket"
    subprocess.run(
        [
            "qemu-nbd",
            "-f",
            "qcow2",
            "-k",
            socket,
            "--fork",
            f"--pid-file={id_file}",
            *options,
            path,
        ],
        check=True,
    )
    process_id = int(id_file.read_text())
    try:
        yield process_id
    finally:
        os.kill(process_id, 15)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", path, "64M")
    return path


def test_an_image_that_qemu_writes_is_refused_with_its_process(image, tmp_path):
    with served_by_qemu(image, tmp_path) as process_id:
        what = refusal(image)
    assert f"process {process_id} (qemu-nbd) has it open for writing" in what
    assert "QEMU has locked it as a disk that it writes to" in what


def test_an_image_that_qemu_only_reads_is_read_by_several(image, tmp_path):
    with served_by_qemu(image, tmp_path, "--read-only"):
        first, second = open_source(image), open_source(image)
        first.close()
        second.close()


def test_a_backing_file_that_is_written_is_refused_as_the_image_is(image, tmp_path):
    upper = tmp_path / "upper.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", upper)
    with held(image) as process_id:
        what = refusal(upper, allow_backing_file=True)
    assert f"process {process_id} (python" in what


def test_a_machine_on_an_overlay_does_not_keep_its_base_from_being_read(image, tmp_path):
    upper = tmp_path / "upper.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", upper)
    with served_by_qemu(upper, tmp_path):
        open_source(image).close()
        with pytest.raises(SourceInUseError):
            open_source(upper, allow_backing_file=True)


def test_a_device_that_is_written_without_a_claim_is_refused(disk, attach_loop):
    device = attach_loop(disk)
    with held(device) as process_id:
        assert f"process {process_id} (python" in refusal(device)
    with held(device, "O_RDONLY"):
        open_source(device).close()


def test_a_loop_device_beside_it_on_the_same_file_counts(disk, attach_loop):
    device = attach_loop(disk)
    other = attach_loop(disk, "--offset=1048576")
    what = refusal(device)
    assert f"its file is shown by another loop device too: {other} is attached to it" in what


def test_a_loop_device_whose_file_another_process_writes_is_refused(disk, attach_loop):
    device = attach_loop(disk)
    with held(disk) as process_id:
        assert f"of its backing file, process {process_id} (python" in refusal(device)


def test_a_device_that_cannot_be_written_is_read_though_it_is_mounted(disk, attach_loop, tmp_path):
    subprocess.run(["mke2fs", "-q", disk], check=True)
    device = attach_loop(disk, "--read-only")
    mount_point = tmp_path / "mounted"
    mount_point.mkdir()
    done = subprocess.run(
        ["mount", "-o", "ro", device, mount_point], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr!r}")
    try:
        open_source(device).close()
        open_source(disk).close()
    finally:
        subprocess.run(["umount", mount_point], check=True)


def test_a_swap_file_is_refused_as_one(tmp_path):
    disk = tmp_path / "swap"
    disk.write_bytes(bytes(1 << 20))
    disk.chmod(0o600)
    for command in ("mkswap", "swapon"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")
        done = subprocess.run([command, disk], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"no swap here: {done.stderr!r}")
    try:
        assert "it is swap space" in refusal(disk, format="raw")
    finally:
        subprocess.run(["swapoff", disk], check=True)


def test_a_file_as_standard_input_is_looked_at_like_one_that_is_named(disk):
    saved = os.dup(0)
    descriptor = os.open(disk, os.O_RDONLY)
    try:
        os.dup2(descriptor, 0)
        open_source("-", volume_size_gib=1).close()
        os.dup2(descriptor, 0)
        with held(disk) as process_id, pytest.raises(SourceInUseError) as caught:
            open_source("-", volume_size_gib=1)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(descriptor)
    assert f"process {process_id} (python" in caught.value.what


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's process")
def test_a_writer_that_cannot_be_seen_refuses_all_the_same(disk):
    os.chown(disk, 65534, 65534)
    descriptor = os.open(disk, os.O_RDONLY)
    with held(disk):
        os.seteuid(65534)
        try:
            users = file_users(descriptor, disk, "writing")
        finally:
            os.seteuid(0)
    os.close(descriptor)
    assert len(users) == 1
    assert "something that this user cannot see has it open for writing" in users[0]


def test_where_the_server_decides_about_leases_their_refusal_means_nothing(disk):
    with disk.open("r+b") as file:
        assert is_open_elsewhere(file.fileno(), "any", "nfs4") is None
        assert is_open_elsewhere(file.fileno(), "any", "ext4") is False
        with disk.open("rb"):
            assert is_open_elsewhere(file.fileno(), "any", "ext4") is True
            assert is_open_elsewhere(file.fileno(), "writing", "ext4") is True


def test_a_writer_that_is_gone_in_a_moment_was_none(disk, monkeypatch):
    file = disk.open("r+b")
    monkeypatch.setattr("bulkput.machine.leases.pause_thread", lambda _: file.close())
    open_source(disk).close()


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / "none")
    assert not isinstance(caught.value, SourceInUseError)
