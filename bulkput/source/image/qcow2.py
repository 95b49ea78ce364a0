"""What a qcow2 image says of itself, read before QEMU opens it.

After docs/interop/qcow2.txt of QEMU. Owns what is refused: what would lead to other files, what is
encrypted or damaged, and an image whose end is missing, which QEMU would show as zeros.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bulkput.model.errors import SourceError
from bulkput.source.opened import OpenedFile

_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
_FEATURES = struct.Struct(">QQQII")
"""Of version 3, right behind: features, refcount order, the header's length."""

_CORRUPT, _EXTERNAL_DATA, _EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 4
_EXTENSION = struct.Struct(">II")
_BACKING_FORMAT = 0xE2792ACA

_NAME_MAX_BYTES = 1023
_CLUSTER_BITS = range(9, 22)
_L1_MAX_ENTRIES = 32 << 17
"""QEMU's limits."""

_OFFSET_MASK = np.uint64(0x00FF_FFFF_FFFF_FE00)
_COMPRESSED = np.uint64(1 << 62)
_READS_AS_ZERO = np.uint64(1)
_ALLOCATED_PARTS = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True)
class Backing:
    """The image that an image shows where it has nothing itself."""

    name: str
    format: str | None
    """None: not said, so that it would have to be guessed."""


def inspect_qcow2(file: OpenedFile) -> Backing | None:
    """Return what the image builds upon; None if it is whole in itself. Blocks.

    Raises:
        SourceError: it leads elsewhere, is encrypted, damaged or cut short, or of an unknown kind.
        OSError: it cannot be read.
    """
    head = os.pread(file.fd, _HEADER.size + _FEATURES.size, 0).ljust(
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
        raise SourceError(file.path, "begins like qcow2 of a kind that is not known (version 1?)")
    features, header_bytes = 0, _HEADER.size
    if version == 3:
        features, _, _, _, header_bytes = _FEATURES.unpack_from(head, _HEADER.size)
    if encryption:
        raise SourceError(file.path, "is an encrypted qcow2 image; decrypt it first (qemu-img)")
    if features & _EXTERNAL_DATA:
        what = "is a qcow2 image whose data lies in another file, which is not followed"
        raise SourceError(file.path, f"{what}; convert it first (qemu-img convert -O qcow2)")
    if features & _CORRUPT:
        raise SourceError(file.path, "is marked as corrupt by QEMU; repair it (qemu-img check -r)")
    wide = bool(features & _EXTENDED_L2)
    _check_end(file, l1_at, l1_entries, 1 << cluster_bits, size_bytes, wide=wide)
    if not backing_at:
        return None
    if backing_bytes > _NAME_MAX_BYTES:
        raise SourceError(
            file.path, "is a qcow2 image with a backing file's name beyond all limits"
        )
    name = os.pread(file.fd, backing_bytes, backing_at).decode("utf-8", "surrogateescape")
    return Backing(name, _backing_format(file, header_bytes, 1 << cluster_bits))


def _backing_format(file: OpenedFile, start_bytes: int, stop_bytes: int) -> str | None:
    content = os.pread(file.fd, max(0, stop_bytes - start_bytes), start_bytes)
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


def _check_end(
    file: OpenedFile,
    l1_at: int,
    l1_entries: int,
    cluster_bytes: int,
    size_bytes: int,
    *,
    wide: bool,
) -> None:
    """Check that every table and every cluster in use lies within the file.

    Compressed clusters are left out: QEMU fails on one that is cut. Reads all tables, 8 bytes for
    each cluster in use, which the reading afterwards finds in the page cache.
    """
    needed_bytes = l1_at + 8 * l1_entries
    if needed_bytes <= file.size_bytes:
        covered_bytes = cluster_bytes // (16 if wide else 8) * cluster_bytes
        l1 = np.frombuffer(os.pread(file.fd, 8 * l1_entries, l1_at), ">u8").astype(np.uint64)
        for index in np.flatnonzero(l1 & _OFFSET_MASK).tolist():
            l2_at = int(l1[index] & _OFFSET_MASK)
            needed_bytes = max(needed_bytes, l2_at + cluster_bytes)
            if needed_bytes > file.size_bytes:
                break
            rest_bytes = size_bytes - index * covered_bytes
            table = os.pread(file.fd, cluster_bytes, l2_at)
            needed_bytes = max((needed_bytes, *_ends(table, cluster_bytes, rest_bytes, wide=wide)))
    if needed_bytes > file.size_bytes:
        raise SourceError(
            file.path,
            f"is a qcow2 image cut short: it has {file.size_bytes} bytes, and its tables lead to "
            f"{needed_bytes}; copy it again",
        )


def _ends(table: bytes, cluster_bytes: int, rest_bytes: int, *, wide: bool) -> Iterator[int]:
    """Yield where the last cluster that a table leads to ends, if there is any."""
    entries = np.frombuffer(table, ">u8").astype(np.uint64)
    if wide:  # a second word tells which of 32 parts are there: the last one may end the file
        parts = np.frexp((entries[1::2] & _ALLOCATED_PARTS).astype(np.float64))[1]
        entries, lengths = entries[::2], parts.astype(np.int64) * (cluster_bytes // 32)
    else:
        lengths = np.where(entries & _READS_AS_ZERO, 0, cluster_bytes)
    offsets = entries & _OFFSET_MASK
    used = np.flatnonzero((lengths > 0) & ((entries & _COMPRESSED) == 0) & (offsets != 0))
    used = used[used < -(-rest_bytes // cluster_bytes)]
    if len(used):
        # The disk's last cluster may be short.
        lengths = np.minimum(lengths[used], rest_bytes - used * cluster_bytes)
        yield int((offsets[used].astype(np.int64) + lengths).max())
