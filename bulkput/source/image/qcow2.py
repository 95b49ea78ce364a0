"""What a qcow2 image's header records, read before QEMU opens it.

After docs/interop/qcow2.txt of QEMU. Owns what is refused: what would lead to other files, what is
encrypted or damaged, and an image whose end is missing, which QEMU would show as zeros.
"""

import struct

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import (
    Backing,
    Inspected,
    check_disk_size,
    read_at,
)
from bulkput.source.image.qcow2_tables import Tables
from bulkput.source.source_file import OpenedFile

_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
_FEATURES = struct.Struct(">QQQII")
"""Of version 3, right behind: features, refcount order, the header's length."""

_CORRUPT, _EXTERNAL_DATA, _OTHER_COMPRESSION, _EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_EXTENSION = struct.Struct(">II")
_BACKING_FORMAT = 0xE2792ACA

_NAME_MAX_BYTES = 1023
_CLUSTER_BITS = range(9, 22)
_L1_MAX_ENTRIES = 32 << 17
"""QEMU's limits."""


def inspect_qcow2(file: OpenedFile) -> Inspected:
    """Return how long the disk is, and what the image builds upon. Blocks.

    Raises:
        SourceError: it leads elsewhere, is encrypted, damaged or cut short, or of an unknown kind.
        OSError: it cannot be read.
    """
    head = read_at(file, 0, _HEADER.size + _FEATURES.size).ljust(
        _HEADER.size + _FEATURES.size, b"\0"
    )
    (
        _,
        version,
        backing_at,
        backing_bytes,
        cluster_bits,
        size_bytes,
        encryption,
        l1_entries,
        l1_at,
    ) = _HEADER.unpack_from(head)[:9]
    if version not in {2, 3} or cluster_bits not in _CLUSTER_BITS or l1_entries > _L1_MAX_ENTRIES:
        raise SourceError(file.path, "looks like qcow2 of an unknown version (1?)")
    features, header_bytes = 0, _HEADER.size
    if version == 3:
        features, _, _, _, header_bytes = _FEATURES.unpack_from(head, _HEADER.size)
    if encryption:
        raise SourceError(file.path, "is an encrypted qcow2 image; decrypt it first (qemu-img)")
    if features & _EXTERNAL_DATA:
        what = "is a qcow2 image whose data is in another file, which is not read"
        raise SourceError(file.path, f"{what}; convert it first (qemu-img convert -O qcow2)")
    if features & _CORRUPT:
        raise SourceError(file.path, "is marked as corrupt by QEMU; repair it (qemu-img check -r)")
    check_disk_size(file, size_bytes)
    tables = Tables(
        file,
        cluster_bits,
        size_bytes,
        is_wide=bool(features & _EXTENDED_L2),
        is_deflated=not features & _OTHER_COMPRESSION,
    )
    tables.check_end(l1_at, l1_entries)
    if not backing_at:
        return Inspected(size_bytes)
    if backing_bytes > _NAME_MAX_BYTES:
        raise SourceError(file.path, "is a qcow2 image with a backing file's name that is too long")
    name = read_at(file, backing_at, backing_bytes).decode("utf-8", "surrogateescape")
    backing = Backing(name, _backing_format(file, header_bytes, 1 << cluster_bits))
    return Inspected(size_bytes, backing)


def _backing_format(file: OpenedFile, start_bytes: int, stop_bytes: int) -> str | None:
    content = read_at(file, start_bytes, max(0, stop_bytes - start_bytes))
    at = 0
    while at + _EXTENSION.size <= len(content):
        kind, length_bytes = _EXTENSION.unpack_from(content, at)
        at += _EXTENSION.size
        if not kind:
            break
        if kind == _BACKING_FORMAT:
            return content[at : at + length_bytes].decode("ascii", "replace")
        at += -(-length_bytes // 8) * 8
    return None
