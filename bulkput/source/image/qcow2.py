"""What a qcow2 image says of itself, read before QEMU opens it.

After docs/interop/qcow2.txt of QEMU. Owns what is refused: what would lead to other files, what is
encrypted or damaged, and an image whose end is missing, which QEMU would show as zeros.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bulkput.model.errors import SourceError
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

_OFFSET_MASK = np.uint64(0x00FF_FFFF_FFFF_FE00)
_COMPRESSED = np.uint64(1 << 62)
_COMPRESSED_MASK = np.uint64((1 << 62) - 1)
_SECTOR_BYTES = 512
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
    tables = _Tables(
        file,
        cluster_bits,
        size_bytes,
        is_wide=bool(features & _EXTENDED_L2),
        is_deflated=not features & _OTHER_COMPRESSION,
    )
    tables.check_end(l1_at, l1_entries)
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


@dataclass(frozen=True)
class _Tables:
    """Where an image's clusters lie."""

    file: OpenedFile
    cluster_bits: int
    disk_bytes: int
    is_wide: bool
    """Whether the entries have a second word, of the parts of a cluster."""
    is_deflated: bool
    """Whether clusters are compressed by zlib, not by zstd."""

    @property
    def _cluster_bytes(self) -> int:
        return 1 << self.cluster_bits

    def check_end(self, l1_at: int, l1_entries: int) -> None:
        """Check that every table and every cluster in use lies within the file.

        Reads all tables, 8 bytes for each cluster in use, which the reading afterwards finds in
        the page cache.
        """
        needed_bytes = l1_at + 8 * l1_entries
        if needed_bytes <= self.file.size_bytes:
            covered_bytes = self._cluster_bytes // (16 if self.is_wide else 8) * self._cluster_bytes
            l1 = np.frombuffer(os.pread(self.file.fd, 8 * l1_entries, l1_at), ">u8")
            l1 = l1.astype(np.uint64) & _OFFSET_MASK
            for index in np.flatnonzero(l1).tolist():
                l2_at = int(l1[index])
                needed_bytes = max(needed_bytes, l2_at + self._cluster_bytes)
                if needed_bytes > self.file.size_bytes:
                    break
                table = os.pread(self.file.fd, self._cluster_bytes, l2_at)
                rest_bytes = self.disk_bytes - index * covered_bytes
                needed_bytes = max((needed_bytes, *self._ends(table, rest_bytes)))
        if needed_bytes > self.file.size_bytes:
            raise SourceError(
                self.file.path,
                f"is a qcow2 image cut short: it has {self.file.size_bytes} bytes, and its tables "
                f"lead to {needed_bytes}; copy it again",
            )

    def _ends(self, table: bytes, rest_bytes: int) -> Iterator[int]:
        """Yield where what a table leads to ends, if there is any."""
        entries = np.frombuffer(table, ">u8").astype(np.uint64)
        if self.is_wide:  # which of 32 parts are there: the last one may end the file
            parts = np.frexp((entries[1::2] & _ALLOCATED_PARTS).astype(np.float64))[1]
            entries, lengths = entries[::2], parts.astype(np.int64) * (self._cluster_bytes // 32)
        else:
            lengths = np.where(entries & _READS_AS_ZERO, 0, self._cluster_bytes)
        clusters = max(0, -(-rest_bytes // self._cluster_bytes))
        entries, lengths = entries[:clusters], lengths[:clusters]
        is_compressed = (entries & _COMPRESSED) != 0
        yield from self._compressed_ends(entries[is_compressed] & _COMPRESSED_MASK)
        offsets = entries & _OFFSET_MASK
        used = np.flatnonzero((lengths > 0) & ~is_compressed & (offsets != 0))
        if len(used):
            # The disk's last cluster may be short.
            lengths = np.minimum(lengths[used], rest_bytes - used * self._cluster_bytes)
            yield int((offsets[used].astype(np.int64) + lengths).max())

    def _compressed_ends(self, entries: npt.NDArray[np.uint64]) -> Iterator[int]:
        """Yield where compressed clusters end that are not all there.

        QEMU reads zeros behind the file's end, and takes what they inflate to for the disk's. An
        entry tells the last sector, of which a file may lack what nobody wrote; whether anything
        else is missing, only the stream itself tells. (Of zstd's QEMU notices it: no frame's last
        byte is zero.)
        """
        offset_bits = np.uint64(62 - (self.cluster_bits - 8))
        offsets = (entries & ((np.uint64(1) << offset_bits) - np.uint64(1))).astype(np.int64)
        sectors = offsets // _SECTOR_BYTES + (entries >> offset_bits).astype(np.int64) + 1
        size_bytes = self.file.size_bytes
        for at in np.flatnonzero(sectors * _SECTOR_BYTES > size_bytes).tolist():
            end_bytes = int(sectors[at]) * _SECTOR_BYTES
            is_there = end_bytes - size_bytes < _SECTOR_BYTES and (
                not self.is_deflated or self._is_whole_deflate(int(offsets[at]))
            )
            if not is_there:
                yield end_bytes
                return

    def _is_whole_deflate(self, at_bytes: int) -> bool:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = os.pread(self.file.fd, self.file.size_bytes - at_bytes, at_bytes)
        try:
            inflater.decompress(data, self._cluster_bytes + 1)
        except zlib.error:
            return False
        return inflater.eof
