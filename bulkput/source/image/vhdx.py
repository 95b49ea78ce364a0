"""What a VHDX image's header records, read before QEMU opens it.

After [MS-VHDX] (Virtual Hard Disk v2 File Format): a region table leads to the metadata, and that
to the disk's length, the size of its sectors, and whether it is of what changed since a parent.
"""

import struct
from uuid import UUID

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import SECTOR_BYTES, Inspected, check_disk_size, read_at
from bulkput.source.source_file import OpenedFile

_REGION_TABLE_AT_BYTES = 192 << 10
"""The first of two; QEMU reads no other."""
_TABLE_BYTES = 64 << 10
_REGION_TABLE = struct.Struct("<4sIII")
_REGION = struct.Struct("<16sQII")
_METADATA_TABLE = struct.Struct("<8sHH20x")
_ITEM = struct.Struct("<16sIIII")
_ENTRIES_MAX = 2047

_METADATA = UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E").bytes_le
_FILE_PARAMETERS = UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B").bytes_le
_DISK_SIZE = UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8").bytes_le
_SECTOR_SIZE = UUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F").bytes_le
_HAS_PARENT = 1 << 1

_LENGTHS_BYTES = {_FILE_PARAMETERS: 8, _DISK_SIZE: 8, _SECTOR_SIZE: 4}
"""Of the items that count."""


def inspect_vhdx(file: OpenedFile) -> Inspected:
    """Return how long the disk is, if the image is whole in itself. Blocks.

    QEMU itself checks that its blocks lie within the file, and refuses a log to be replayed.

    Raises:
        SourceError: it has a parent or sectors that QEMU does not read, is damaged, or is cut
            within a sector, which QEMU would fill up.
        OSError: it cannot be read.
    """
    if file.size_bytes % SECTOR_BYTES:
        what = f"is a VHDX cut short: its {file.size_bytes} bytes are not whole sectors"
        raise SourceError(file.path, f"{what}; copy it again")
    items = _metadata(file)
    (flags,) = struct.unpack("<4xI", items[_FILE_PARAMETERS])
    (disk_bytes,) = struct.unpack("<Q", items[_DISK_SIZE])
    (sector_bytes,) = struct.unpack("<I", items[_SECTOR_SIZE])
    if flags & _HAS_PARENT:
        what = "is a VHDX with differences from a parent disk, which is not read"
        raise SourceError(file.path, f"{what}; merge the two first (Merge-VHD)")
    if sector_bytes != SECTOR_BYTES:
        raise SourceError(
            file.path,
            f"is a VHDX whose disk has sectors of {sector_bytes} bytes, which QEMU does not read; "
            "an EBS volume has sectors of 512, so that no system would find its partitions: copy "
            "its file systems to a VHDX with logical sectors of 512 (New-VHD)",
        )
    check_disk_size(file, disk_bytes)
    return Inspected(disk_bytes)


def _metadata(file: OpenedFile) -> dict[bytes, bytes]:
    """Return the items that count, each of its own length."""
    table_at = _metadata_at(file)
    table = read_at(file, table_at, _TABLE_BYTES)
    if len(table) < _METADATA_TABLE.size or not table.startswith(b"metadata"):
        raise _damaged(file, "its metadata is not where its region table says")
    count = min(_METADATA_TABLE.unpack_from(table)[2], _ENTRIES_MAX)
    found: dict[bytes, bytes] = {}
    for index in range(count):
        at_bytes = _METADATA_TABLE.size + index * _ITEM.size
        if at_bytes + _ITEM.size > len(table):
            break
        name, item_at, _, _, _ = _ITEM.unpack_from(table, at_bytes)
        length_bytes = _LENGTHS_BYTES.get(name)
        if length_bytes is not None:
            found[name] = read_at(file, table_at + item_at, length_bytes)
    for name, length_bytes in _LENGTHS_BYTES.items():
        if len(found.get(name, b"")) != length_bytes:
            raise _damaged(file, "its metadata is not complete")
    return found


def _metadata_at(file: OpenedFile) -> int:
    table = read_at(file, _REGION_TABLE_AT_BYTES, _TABLE_BYTES)
    if len(table) < _TABLE_BYTES or not table.startswith(b"regi"):
        raise _damaged(file, "it has no region table")
    count = min(_REGION_TABLE.unpack_from(table)[2], _ENTRIES_MAX)
    for index in range(count):
        name, at_bytes, _, _ = _REGION.unpack_from(table, _REGION_TABLE.size + index * _REGION.size)
        if name == _METADATA and at_bytes < file.size_bytes:
            return int(at_bytes)
    raise _damaged(file, "its region table leads to no metadata")


def _damaged(file: OpenedFile, how: str) -> SourceError:
    return SourceError(file.path, f"is a VHDX that is damaged or cut short: {how}; copy it again")
