"""Every known sign of a disk is found; what bears none is doubted, and why is said."""

import os
import random
import shutil
import subprocess

import pytest
from support import written_images
from support.boot_disks import gpt, mbr
from support.loops import loop_devices
from support.streams import COMPRESS

from bulkput.source.content.disk_signs import END_SIGNS, SIGNS, find_disk_sign
from bulkput.source.content.examine import entropy_bits, examine
from bulkput.source.content.partitions import read_partition_table
from bulkput.source.open import open_source

MIB = 1 << 20
NOISE = random.Random(7).randbytes(2 * MIB)


def content_of(path, *, is_known_raw=False, **choices):
    source = open_source(path, **choices)
    try:
        return examine(source, is_known_raw=is_known_raw)
    finally:
        source.close()


@pytest.mark.parametrize("sign", SIGNS, ids=lambda each: each.name)
def test_each_sign_is_found_at_each_of_its_places(sign):
    for offset in sign.offsets_bytes:
        head = bytearray(b"\x11" * (256 << 10))
        head[offset : offset + len(sign.magic)] = sign.magic
        assert find_disk_sign(bytes(head), b"") is not None
        assert find_disk_sign(bytes(head[: offset + len(sign.magic) - 1]), b"") is None


@pytest.mark.parametrize(("name", "magic"), END_SIGNS)
def test_each_sign_at_the_end_is_found_at_the_start_of_a_sector(name, magic):
    for before in (512, 1024, 8192, 65_536, 131_072):
        foot = bytearray(b"\x11" * (256 << 10))
        foot[len(foot) - before : len(foot) - before + len(magic)] = magic
        assert find_disk_sign(b"\x11" * 1000, bytes(foot)) == name
    assert find_disk_sign(b"", b"\x11" * 3 + magic) is None


def test_drbd_is_found_in_the_last_4_kib():
    foot = bytearray(b"\x11" * 8192)
    foot[-4096 + 60 : -4096 + 64] = b"\x83\x74\x02\x6d"
    assert find_disk_sign(b"", bytes(foot)) == "DRBD"


@pytest.mark.parametrize("program", ["mkfs.ext4", "mkswap"])
def test_what_linux_makes_is_a_disk(tmp_path, program):
    found = shutil.which(program, path=f"{os.environ['PATH']}:/sbin:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    path = tmp_path / "disk"
    path.write_bytes(NOISE)
    subprocess.run([found, path], check=True, capture_output=True, input=b"y\n")
    assert content_of(path).doubt is None


@pytest.mark.parametrize(
    ("disk", "why"),
    [
        (NOISE, "its first bytes look compressed or encrypted"),
        (b"Dear disk,\n" * 1000, "it begins with text"),
        (b"x" * 1024 + b"BD" + b"x" * 9000, "it begins with text"),  # as HFS has it there
        (b"x" * 88 + b"CS" + b"x" * 9000, "it begins with text"),  # CoreStorage
        (b"\1\0\2\0" * 5000, "is in it"),
        (b"x", "it begins with text"),
    ],
)
def test_what_bears_no_sign_is_doubted_and_never_refused(tmp_path, disk, why):
    path = tmp_path / "disk"
    path.write_bytes(disk)
    found = content_of(path)
    assert "does not look like a disk" in found.doubt
    assert found.doubt.endswith(why)
    assert found.notes == (found.doubt,)
    assert content_of(path, is_known_raw=True).notes == ()


def test_a_disk_of_zeros_in_front_is_a_new_one(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(bytes(MIB) + NOISE)
    assert content_of(path).notes == ()


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_disk_is_looked_at_as_deep(tmp_path, kind):
    path = tmp_path / "disk"
    path.write_bytes(COMPRESS[kind](NOISE))
    assert "compressed or encrypted" in content_of(path, volume_size_gib=1).doubt
    btrfs = bytearray(NOISE)
    btrfs[65600:65608] = b"_BHRfS_M"
    path.write_bytes(COMPRESS[kind](bytes(btrfs)))
    assert content_of(path, volume_size_gib=1).doubt is None


def test_the_disk_in_an_image_is_looked_at_as_deep(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(written_images.qcow2(NOISE))
    assert "compressed or encrypted" in content_of(path).doubt
    path.write_bytes(written_images.qcow2(b"7z\xbc\xaf\x27\x1c" + NOISE[6:]))
    assert content_of(path).doubt.endswith("it begins like 7z")
    path.write_bytes(written_images.vdi(gpt(NOISE)))
    assert content_of(path).notes == ()


def test_a_sound_table_has_no_note(tmp_path):
    for disk in (gpt(NOISE), mbr(NOISE, (1, 4000)), mbr(NOISE, (63, 4033))):
        (tmp_path / "disk").write_bytes(disk)
        assert content_of(tmp_path / "disk").notes == ()


def test_a_table_for_sectors_of_4_kib_is_noted(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(gpt(NOISE, 4096, entries=((6, 100),)))
    (note,) = content_of(path).notes
    assert "for sectors of 4,096 bytes" in note
    assert "no system will find its partitions" in note
    assert content_of(path, is_known_raw=True).notes == (note,)


def test_a_device_of_4_kib_sectors_counts_its_mbr_in_them():
    disk = mbr(NOISE, (256, 256))
    (partition,) = read_partition_table(disk, 4096).partitions
    assert (partition.number, partition.end_bytes) == (1, 512 * 4096)
    assert any("4,096" in note for note in read_partition_table(disk, 4096).notes(len(disk)))
    assert not list(read_partition_table(disk, 512).notes(len(disk)))
    assert not list(read_partition_table(disk, None).notes(len(disk)))


@pytest.mark.parametrize("sector_bytes", [512, 4096])
def test_a_table_of_a_longer_disk_and_a_partition_beyond_the_end_are_noted(tmp_path, sector_bytes):
    path = tmp_path / "disk"
    count = len(NOISE) // sector_bytes
    path.write_bytes(gpt(NOISE, sector_bytes, other=count, entries=((40, 50), (60, count))))
    notes = " / ".join(content_of(path).notes)
    assert f"is of a disk of {(count + 1) * sector_bytes:,} bytes" in notes
    assert f"partition 2 ends at byte {(count + 1) * sector_bytes:,}" in notes
    assert "partition 1" not in notes


def test_an_mbr_partition_beyond_the_end_is_noted(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(mbr(NOISE, (1, 100), (2048, 2049)))
    (note,) = content_of(path).notes
    assert "partition 2 ends at byte 2,097,664, beyond the 2,097,152 bytes" in note


def test_a_stream_is_compared_with_its_table_at_its_end(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(COMPRESS["gzip"](mbr(NOISE, (1, 100), (2048, 2049))))
    source = open_source(path, volume_size_gib=1)
    assert examine(source, is_known_raw=False).notes == ()
    assert "partition 2 ends at byte 2,097,664" in source.check_complete()
    source.close()


@pytest.mark.parametrize("at", [512 + 16, 512 + 12, 512 + 80, 512 + 84, 512 + 72])
def test_a_damaged_table_is_no_table_and_no_error(at):
    disk = bytearray(gpt(NOISE, other=1 << 40, entries=((1, 1 << 40),)))
    disk[at : at + 4] = b"\xff" * 4
    table = read_partition_table(bytes(disk), None)
    assert list(table.notes(len(disk))) == []


def test_a_boot_sector_of_code_is_no_table():
    disk = bytearray(NOISE)
    disk[510:512] = b"\x55\xaa"
    assert read_partition_table(bytes(disk), None) is None
    assert read_partition_table(b"", None) is None


def test_entropy_is_that_of_shannon():
    assert entropy_bits(bytes(range(256)) * 16) == 8
    assert entropy_bits(bytes(4096)) == 0
    assert entropy_bits(NOISE[:100]) == 0


@pytest.mark.parametrize(("sector", "is_noted"), [("512", False), ("4096", True)])
def test_a_device_knows_its_sectors(tmp_path, sector, is_noted):
    (tmp_path / "disk").write_bytes(mbr(NOISE, (8, 100)))
    with loop_devices() as attach:
        device = attach(tmp_path / "disk", "--sector-size", sector)
        notes = content_of(device).notes
    assert any("for sectors of 4,096 bytes" in note for note in notes) == is_noted


def test_an_mbr_of_4_kib_sectors_without_a_device_is_not_guessed(tmp_path):
    (tmp_path / "disk").write_bytes(mbr(NOISE, (8, 100)))
    assert content_of(tmp_path / "disk").notes == ()
