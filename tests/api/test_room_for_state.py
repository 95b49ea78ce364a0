"""A state folder that cannot hold an upload's state is noticed before the first put."""

import os
import subprocess

import pytest
from support.served import BLOCK

from bulkput import TemporaryError, upload
from bulkput.ledger import room


@pytest.fixture
def with_room(monkeypatch):
    """Let the disk have so much room beside what is there."""
    return lambda count: monkeypatch.setattr(room, "free_bytes", lambda folder: count)


async def test_too_little_room_for_the_data_is_refused_before_the_start(
    options, image, account, with_room
):
    path = image("small-disk.img", blocks=8)
    before = account.states()
    with_room(room.needed_bytes(8) - 1)
    with pytest.raises(TemporaryError, match="Make room, or name another state_dir"):
        await upload(options(path))
    assert account.states() == before
    with_room(room.needed_bytes(8))
    assert (await upload(options(path))).status == "completed"


async def test_holes_take_no_room_unless_they_are_put(options, image, account, with_room):
    path = image("sparse.img", blocks=4)
    os.truncate(path, 100 * BLOCK)
    with_room(room.needed_bytes(8))
    with pytest.raises(TemporaryError, match="no block was put"):
        await upload(options(path, encrypted=True))
    assert (await upload(options(path))).blocks["put"] == 4


@pytest.fixture
def small(tmp_path):
    """Return where a disk of 128 KiB is mounted."""
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr!r}")
    yield small
    subprocess.run(["umount", small], check=True)


async def test_a_real_small_disk(options, image, small):
    with pytest.raises(TemporaryError, match=r"1\d\d\.\d KiB free"):
        await upload(options(image(), state_dir=small / "state"))


def test_a_disk_that_does_not_report_its_room_is_believed_to_have_it(monkeypatch, tmp_path):
    class Unknown:
        f_blocks = f_bfree = f_bavail = 0
        f_frsize = 4096

    monkeypatch.setattr(room.os, "statvfs", lambda folder: Unknown)
    assert room.free_bytes(tmp_path) is None
    assert room.missing_room(tmp_path, 1 << 30) is None


def test_what_the_ledger_takes_already_is_not_needed_again(tmp_path, monkeypatch):
    (tmp_path / "ledger.bin").write_bytes(b"x" * (1 << 20))
    monkeypatch.setattr(room, "free_bytes", lambda folder: room.needed_bytes(1000) - (1 << 20))
    assert room.missing_room(tmp_path, 1000) is None
    assert room.missing_room(tmp_path, 2000) is not None
