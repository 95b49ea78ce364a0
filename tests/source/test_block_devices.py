"""Block devices by loop: size, refusal of mounted ones, and a real bad sector."""

import errno
import os
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.errors import SourceError
from bulkput.source.buffered import BufferedWindow
from bulkput.source.open import open_source
from bulkput.source.populate import can_populate

SIZE_BYTES = 8 * BLOCK_SIZE_BYTES + 4096
READERS = ["mmap", "preadv"] if can_populate() else ["preadv"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(SIZE_BYTES))
    return path


@pytest.mark.parametrize("reader", READERS)
def test_a_device_reads_as_its_bytes_in_one_extent(image: Path, attach_loop, reader) -> None:
    source = open_source(attach_loop(image), reader=reader)
    assert (source.kind, source.size_bytes, source.block_count) == ("device", SIZE_BYTES, 9)
    assert list(source.extents()) == [Extent(0, 9)]
    assert list(source.extents(4)) == [Extent(4, 9)]
    assert list(source.extents(9)) == []
    window = source.read_window(0, 9)
    assert b"".join(window.block(index) for index in range(9))[:SIZE_BYTES] == image.read_bytes()
    source.check_unchanged()
    window.close()
    source.close()


def test_a_device_begins_like_an_archive_and_is_refused_like_a_file(
    image: Path, attach_loop
) -> None:
    with image.open("r+b") as file:
        file.write(b"BZh91AY&SY")
    device = attach_loop(image)
    with pytest.raises(SourceError, match="begins like bzip2"):
        open_source(device)
    open_source(device, format="raw").close()


@pytest.mark.parametrize("reader", READERS)
def test_a_bad_sector_of_a_device_is_named(image: Path, attach_loop, reader) -> None:
    device = attach_loop(image)
    os.truncate(image, 4 * BLOCK_SIZE_BYTES + 8192)  # a loop device answers EIO beyond the end
    source = open_source(device, reader=reader)
    with pytest.raises(SourceError, match=r"\(EIO\)") as caught:
        source.read_window(0, 9)
    assert caught.value.block_index == 4
    assert caught.value.offset_bytes == 4 * BLOCK_SIZE_BYTES + 8192
    assert caught.value.length_bytes == 4096
    source.read_window(0, 4).close()
    source.close()


def test_a_mounted_device_is_refused_with_its_mount_point(image: Path, attach_loop, mount) -> None:
    device = attach_loop(image)
    mount_point = mount(device)
    with pytest.raises(SourceError) as caught:
        open_source(device)
    assert f"is mounted at {mount_point}" in caught.value.what
    assert "allow_mounted" in caught.value.what
    source = open_source(device, allow_mounted=True)
    # What others may write to is copied, so that a block is sent as it was hashed.
    assert isinstance(source.read_window(0, 1), BufferedWindow)
    source.close()


def test_a_disk_with_a_mounted_partition_is_refused(tmp_path: Path, attach_loop, mount) -> None:
    image = tmp_path / "disk.img"
    sectors = 16 * 2048
    entry = bytes([0, 0, 0, 0, 0x83, 0, 0, 0])
    entry += (2048).to_bytes(4, "little") + (sectors - 2048).to_bytes(4, "little")
    with image.open("wb") as file:
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        file.truncate(sectors * 512)
    device = attach_loop(image, "--partscan")
    partition = Path(f"{device}p1")
    if not partition.exists():
        pytest.skip("this machine makes no nodes for partitions of loop devices")
    mount_point = mount(partition)
    with pytest.raises(SourceError) as caught:
        open_source(device)
    assert f"{partition.name} is mounted at {mount_point}" in caught.value.what


def test_an_open_device_cannot_be_claimed_by_another(image: Path, attach_loop) -> None:
    device = attach_loop(image)
    source = open_source(device)
    with pytest.raises(OSError, match="busy") as caught:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
    assert caught.value.errno == errno.EBUSY
    with pytest.raises(SourceError, match="another program holds it"):
        open_source(device)
    open_source(device, allow_mounted=True).close()
    source.close()
    open_source(device).close()
