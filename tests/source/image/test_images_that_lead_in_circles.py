"""However often an image's tables lead to the same place, its inspection reads that once."""

import os
import struct

import pytest
from support import written_images

from bulkput.model.errors import SourceError
from bulkput.source.image import inspected
from bulkput.source.image.qcow2 import inspect_qcow2
from bulkput.source.image.qcow2_tables import Tables
from bulkput.source.image.vdi import inspect_vdi
from bulkput.source.image.vhdx import inspect_vhdx
from bulkput.source.image.vmdk import inspect_vmdk
from bulkput.source.source_file import open_file

MIB = 1 << 20


@pytest.fixture
def read_bytes(monkeypatch):
    """Return the lengths of all that inspections read."""
    lengths = []

    def counted(file, at_bytes, length_bytes):
        content = read_at(file, at_bytes, length_bytes)
        lengths.append(len(content))
        return content

    read_at = inspected.read_at
    for module in ("inspected", "qcow2", "qcow2_tables", "vdi", "vhd", "vhdx", "vmdk"):
        monkeypatch.setattr(f"bulkput.source.image.{module}.read_at", counted)
    return lengths


@pytest.fixture
def inspect(tmp_path):
    def inspect_one(how, content):
        path = tmp_path / "image"
        path.write_bytes(content)
        file = open_file(path, allow_mounted=False)
        try:
            return how(file)
        finally:
            file.close()

    return inspect_one


def test_a_qcow2_with_all_its_entries_to_one_table_is_read_once(inspect, read_bytes):
    entries = 4 << 20  # QEMU's limit: 32 MiB
    image = written_images.qcow2(b"x" * MIB, size=32 << 40, l1_entries=entries, cluster_bits=16)
    assert inspect(inspect_qcow2, image).disk_bytes == 32 << 40
    assert sum(read_bytes) < len(image) + MIB
    assert len(read_bytes) < 10


def test_a_qcow2_with_tables_behind_its_disk_reads_those_of_the_disk(tmp_path, read_bytes):
    """4 Mi tables of 64 KiB in a sparse file, of a disk of 1 MiB: 256 GiB of reading."""
    entries = 1 << 16
    image = bytearray(written_images.qcow2(b"x" * MIB, l1_entries=entries))
    for index in range(1, entries):
        struct.pack_into(">Q", image, 65536 + 8 * index, len(image) + index * 65536)
    path = tmp_path / "image"
    path.write_bytes(image)
    os.truncate(path, len(image) + (entries + 1) * 65536)
    file = open_file(path, allow_mounted=False)
    try:
        assert inspect_qcow2(file).disk_bytes == MIB
    finally:
        file.close()
    assert sum(read_bytes) < MIB


def test_a_qcow2_with_tables_that_overlap_is_refused(inspect, read_bytes):
    image = bytearray(written_images.qcow2(b"x" * MIB, size=1 << 40, l1_entries=1 << 16))
    for index in range(1 << 16):
        struct.pack_into(">Q", image, 65536 + 8 * index, 65536 + 512 * (index + 1))
    with pytest.raises(SourceError, match="is in no cluster"):
        inspect(inspect_qcow2, bytes(image))
    assert sum(read_bytes) < len(image) + MIB


def test_compressed_clusters_at_the_end_are_inflated_once_and_not_without_end(inspect, monkeypatch):
    inflated = []
    inflates = Tables._inflates

    def counted(self, at_bytes):
        inflated.append(at_bytes)
        return inflates(self, at_bytes)

    monkeypatch.setattr(Tables, "_inflates", counted)
    cluster_bits = 16
    content = written_images.qcow2(bytes(64 << 20), cluster_bits=cluster_bits)[:-100]
    image = bytearray(content)
    end = len(image)
    for index in range(1024):  # all in use, all in the last sectors, twice each
        at = end - 4000 + index // 2
        sectors = (end + 100 - 1) // 512 - at // 512
        entry = 1 << 62 | sectors << (62 - (cluster_bits - 8)) | at
        struct.pack_into(">Q", image, 2 * 65536 + 8 * index, entry)
    image[-4000:] = b"\x03\0" * 2000  # each even place is a whole stream of nothing
    with pytest.raises(SourceError):
        inspect(inspect_qcow2, bytes(image))
    assert len(inflated) == len(set(inflated)) <= 512


def test_a_vmdk_with_all_its_entries_to_one_table_is_read_once(inspect, read_bytes):
    image = bytearray(written_images.vmdk(bytes(64 << 20)))
    sectors = (16 << 20) * 512 * 8  # a directory of 64 MiB, the limit, in grains of 4 KiB
    struct.pack_into("<QQ", image, 12, sectors, 8)
    text = image.index(b"RW ")
    image[text : text + 60] = f"RW {sectors} SPARSE x\n".encode().ljust(60, b"\0")
    struct.pack_into("<Q", image, 56, len(image) // 512)
    table_at = 22
    image += struct.pack("<I", table_at) * (16 << 20)
    with pytest.raises(SourceError, match="cut short"):
        inspect(inspect_vmdk, bytes(image[:-4]))
    assert sum(read_bytes) < len(image) + MIB
    assert len(read_bytes) < 10


def test_a_vmdk_with_tables_that_overlap_is_refused(inspect, read_bytes):
    tables = 4096
    image = bytearray(written_images.vmdk(bytes(MIB)))
    sectors = tables * 512 * 8
    struct.pack_into("<QQ", image, 12, sectors, 8)
    text = image.index(b"RW ")
    image[text : text + 60] = f"RW {sectors} SPARSE x\n".encode().ljust(60, b"\0")
    struct.pack_into("<Q", image, 56, len(image) // 512)
    image += struct.pack(f"<{tables}I", *range(22, 22 + tables))
    with pytest.raises(SourceError, match="cut short"):
        inspect(inspect_vmdk, bytes(image))
    assert len(read_bytes) < 10


def test_a_descriptor_of_blanks_takes_no_longer_than_its_length(inspect):
    image = bytearray(written_images.vmdk(b"x" * MIB))
    blanks = b"# Disk DescriptorFile\n" + b"\n" * (MIB - 22)
    struct.pack_into("<QQ", image, 28, len(image) // 512, MIB // 512)
    with pytest.raises(SourceError, match="not, or not only"):
        inspect(inspect_vmdk, bytes(image) + blanks)


def test_a_vdi_reads_no_more_of_its_map_than_there_is(inspect, read_bytes):
    image = bytearray(written_images.vdi(b"x" * MIB))
    struct.pack_into("<QII", image, 0x170, 32 << 40, MIB, 0)
    struct.pack_into("<I", image, 0x180, 0xFFFF_FFFF)
    with pytest.raises(SourceError, match="cut short"):
        inspect(inspect_vdi, bytes(image))
    assert sum(read_bytes) <= len(image)


def test_a_vhdx_with_as_many_items_as_it_can_say_reads_its_tables_once(inspect, read_bytes):
    image = bytearray(written_images.vhdx(b"x" * MIB))
    struct.pack_into("<H", image, 2 * MIB + 10, 0xFFFF)
    struct.pack_into("<I", image, (192 << 10) + 8, 0xFFFF_FFFF)
    item = bytes(image[2 * MIB + 32 : 2 * MIB + 64])
    for index in range(5, 2047):
        at = 2 * MIB + 32 + 32 * index
        image[at : at + 32] = item
    assert inspect(inspect_vhdx, bytes(image)).disk_bytes == MIB
    assert sum(read_bytes) < MIB


def test_a_place_beyond_all_numbers_is_beyond_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    file = open_file(path, allow_mounted=False)
    try:
        assert inspected.read_at(file, 2**64 - 1, 2**64) == b""
        assert inspected.read_at(file, 8, 2**64) == b"xx"
    finally:
        file.close()
