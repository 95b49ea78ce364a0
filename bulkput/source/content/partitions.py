"""Partition tables: where partitions lie, how long the disk is, how large its sectors are. Pure.

After the UEFI specification (5.3, GPT) and the layout of the MBR. What is damaged counts as no
table: this is for notes, and never changes what is sent.
"""

import struct
import uuid
import zlib
from collections.abc import Iterator
from typing import NamedTuple

VOLUME_SECTOR_BYTES = 512
"""Of every EBS volume."""

_GPT_MAGIC = b"EFI PART"
_SECTOR_SIZES_BYTES = (512, 4096, 1024, 2048)
_GPT_HEADER = struct.Struct("<8sIIIIQQQQ16sQII")
_GPT_HEADER_MAX_BYTES = 512
_GPT_ENTRY = struct.Struct("<16s16sQQQ")
_GPT_LEGACY_BIOS_BOOTABLE = 1 << 2
"""Attribute bit 2: what an MBR's boot code looks for on a GPT (UEFI specification, table 5.8)."""
_MBR_TABLE_AT_BYTES = 446
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_MBR_PROTECTIVE = 0xEE
_MBR_ACTIVE = 0x80


class Partition(NamedTuple):
    """One entry of a table."""

    number: int
    """As Linux counts it, from 1."""
    kind: str
    """A GPT's type GUID in lower case, or an MBR's type as ``0xef``."""
    start_bytes: int
    end_bytes: int
    is_active: bool
    """Marked as what a BIOS boots from."""


class PartitionTable(NamedTuple):
    """What counts of a table."""

    kind: str
    sector_bytes: int
    """In which it counts."""
    disk_bytes: int | None
    """How long the disk is; None: the table does not show it."""
    partitions: tuple[Partition, ...]
    """An MBR's first four; the logical ones in an extended partition are not looked for."""

    def notes(self, size_bytes: int | None) -> Iterator[str]:
        """Yield what is wrong on a volume.

        Args:
            size_bytes: How long the source is; None where that is not known yet.
        """
        if self.sector_bytes != VOLUME_SECTOR_BYTES:
            yield (
                f"its partition table ({self.kind}) is for sectors of {self.sector_bytes:,} bytes, "
                "and an EBS volume has sectors of 512 bytes: no system will find its partitions "
                "there; copy them to a disk with sectors of 512 bytes first"
            )
        if size_bytes is None:
            return
        if self.disk_bytes is not None and self.disk_bytes > size_bytes:
            yield (
                f"its partition table ({self.kind}) is of a disk of {self.disk_bytes:,} bytes, and "
                f"the source has {size_bytes:,}: is it cut short?"
            )
        for number, end_bytes in ((each.number, each.end_bytes) for each in self.partitions):
            if end_bytes > size_bytes:
                yield (
                    f"partition {number} ends at byte {end_bytes:,}, beyond the {size_bytes:,} "
                    "bytes of the source: is it cut short?"
                )


def read_partition_table(head: bytes, sector_bytes: int | None) -> PartitionTable | None:
    """Return the table of a disk; None if there is none that is sound.

    Args:
        head: The disk's beginning.
        sector_bytes: Of the device; None where nobody knows.
    """
    for size_bytes in _SECTOR_SIZES_BYTES:
        table = _gpt(head, size_bytes)
        if table is not None:
            return table
    return _mbr(head, sector_bytes or VOLUME_SECTOR_BYTES)


def announces_gpt(head: bytes) -> bool:
    """Return whether a disk's first sector announces a GPT (an entry of type 0xEE)."""
    kinds = head[_MBR_TABLE_AT_BYTES + 4 : 510 : _MBR_ENTRY.size]
    return head[510:512] == b"\x55\xaa" and _MBR_PROTECTIVE in kinds


def _gpt(head: bytes, sector_bytes: int) -> PartitionTable | None:
    header = head[sector_bytes : sector_bytes + _GPT_HEADER_MAX_BYTES]
    if len(header) < _GPT_HEADER.size or not header.startswith(_GPT_MAGIC):
        return None
    (_, _, length, checksum, _, _, other, _, _, _, entries_at, count, size) = (
        _GPT_HEADER.unpack_from(header)
    )
    summed = header[:16] + bytes(4) + header[20:length]
    if not _GPT_HEADER.size <= length <= len(header) or zlib.crc32(summed) != checksum:
        return PartitionTable("GPT", sector_bytes, None, ())
    found = []
    if size >= _GPT_ENTRY.size:
        at_bytes = entries_at * sector_bytes
        fit = max(0, len(head) - at_bytes) // size
        for index in range(min(count, fit)):
            kind, _, first, last, flags = _GPT_ENTRY.unpack_from(head, at_bytes + index * size)
            if any(kind):
                found.append(
                    Partition(
                        index + 1,
                        str(uuid.UUID(bytes_le=kind)),
                        first * sector_bytes,
                        (last + 1) * sector_bytes,
                        bool(flags & _GPT_LEGACY_BIOS_BOOTABLE),
                    )
                )
    return PartitionTable("GPT", sector_bytes, (other + 1) * sector_bytes, tuple(found))


def _mbr(head: bytes, sector_bytes: int) -> PartitionTable | None:
    if head[510:512] != b"\x55\xaa":
        return None
    found = []
    for number in range(1, 5):
        at_bytes = _MBR_TABLE_AT_BYTES + (number - 1) * _MBR_ENTRY.size
        status, _, kind, _, start, count = _MBR_ENTRY.unpack_from(head, at_bytes)
        if status & 0x7F or kind == _MBR_PROTECTIVE:
            return None  # a boot sector's code, or a GPT that is not there
        if kind and start and count:
            found.append(
                Partition(
                    number,
                    f"0x{kind:02x}",
                    start * sector_bytes,
                    (start + count) * sector_bytes,
                    status == _MBR_ACTIVE,
                )
            )
    return PartitionTable("MBR", sector_bytes, None, tuple(found)) if found else None
