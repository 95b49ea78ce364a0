"""FAT file systems that cannot be, or that lead in circles: read in bounds, and never believed."""

import struct

import pytest
from support.boot_disks import (
    MIB,
    efi_program,
)
from support.uefi_disks import Bytes, facts_of, spoiled, uefi_disk

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.content.boot_facts import read_boot_facts
from bulkput.source.content.disk_bytes import DiskBytes, DiskBytesError

BPB = {
    "a sector of 0 bytes": {11: b"\0\0"},
    "a sector of 65535 bytes": {11: b"\xff\xff"},
    "clusters of 0 sectors": {13: b"\0"},
    "clusters of 3 sectors": {13: b"\3"},
    "no reserved sectors": {14: b"\0\0"},
    "no table": {16: b"\0"},
    "255 tables": {16: b"\xff"},
    "tables larger than all": {22: b"\xff\xff"},
    "no sectors": {19: bytes(2), 32: bytes(4)},
    "no length of the tables": {22: bytes(2), 36: bytes(4)},
    "more clusters than FAT32 has": {19: bytes(2), 22: bytes(2), 32: b"\xff" * 4, 36: b"\1\0\0\0"},
}


@pytest.mark.parametrize("places", BPB.values(), ids=BPB)
def test_an_absurd_geometry_is_no_file_system(esp, places):
    facts = facts_of(spoiled(esp(), places))
    assert facts.boot_modes() == frozenset()
    assert "no FAT file system" in " ".join(facts.notes)


def test_a_file_system_larger_than_the_disk_is_read_as_far_as_it_is_there(esp):
    facts = facts_of(spoiled(esp(), {19: bytes(2), 32: b"\x00\xff\0\0"}))
    assert facts.boot_mode() == "uefi"


def table_at(image):
    reserved, fat_sectors = struct.unpack_from("<H", image, 14)[0], image[22]
    return reserved * 512, fat_sectors * 512


@pytest.mark.parametrize("pattern", [b"\2\0", b"\3\0", b"\1\0", b"\0\0", b"\xf7\xff", b"\xf0\x7f"])
def test_chains_that_run_in_circles_or_out_of_the_volume_end(esp, pattern):
    image = esp()
    at, length = table_at(image)
    facts = facts_of(spoiled(image, {at: pattern * (length // 2)}))
    assert facts.boot_mode() == "uefi"  # what it looks for is in the first clusters


def test_a_directory_that_holds_itself_is_walked_once(esp):
    files = {"/EFI/BOOT/BOOTX64.EFI": "x86_64", "/EFI/LOADER.EFI": "arm64"}
    image = esp(tuple((path, efi_program(machine)) for path, machine in files.items()))
    boot = image.index(b"BOOT    ", image.index(b"EFI     "))
    efi_cluster = image[image.index(b"EFI     ") + 26 :][:2]
    facts = facts_of(spoiled(image, {boot + 26: efi_cluster}))
    assert [each.path for each in facts.loaders] == ["/EFI/LOADER.EFI"]


def test_directories_without_end_take_bounded_work(esp):
    """Every cluster is a directory of directories, and every chain leads on."""
    image = bytearray(esp(size_bytes=3 * MIB))
    at, length = table_at(image)
    for cluster in range(2, length // 2 - 1):
        struct.pack_into("<H", image, at + 2 * cluster, cluster + 1)
    data = image.index(b"EFI     ") + 512 * 32
    for position in range(data & ~511, len(image), 32):
        name = f"D{position % 10**7:07d}".encode()
        cluster = 2 + position % 3000
        image[position : position + 32] = struct.pack("<8s3sB14xHI", name, b"", 0x10, cluster, 0)
    counted = Bytes(uefi_disk(bytes(image)))
    facts = read_boot_facts(DiskBytes(counted.block, len(counted.disk)))
    assert facts.boot_modes() == frozenset()
    assert counted.read < 300


def test_a_look_reads_no_more_than_its_bound():
    counted = Bytes(bytes(1))
    disk = DiskBytes(counted.block, 1 << 40)
    for index in range(256):
        disk.read(index * BLOCK_SIZE_BYTES, 1)
        disk.read(index * BLOCK_SIZE_BYTES + 9, 1)
    with pytest.raises(DiskBytesError, match="more than 128 MiB"):
        disk.read(256 * BLOCK_SIZE_BYTES, 1)
    assert counted.read == 256


def test_a_long_name_that_is_not_the_entrys_own_is_left_out(esp):
    image = bytearray(esp((("/EFI/systemd/systemd-bootx64.efi", efi_program("x86_64")),)))
    (at,) = (
        i
        for i in range(0, len(image), 32)
        if image[i] & 0x40 and image[i + 11 : i + 13] == b"\x0f\0" and image[i + 32 + 11] == 0x0F
    )
    image[at + 13] ^= 1  # the checksum of the short name
    (loader,) = facts_of(uefi_disk(bytes(image))).loaders
    assert loader.path.endswith("/SYSTEM~1.EFI")
