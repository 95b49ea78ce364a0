"""Whether all that a qcow2 image's tables lead to lies within its file; QEMU shows zeros else.

After docs/interop/qcow2.txt of QEMU. The work is bounded by the file's length: each table is read
once, however many entries lead to it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import SECTOR_BYTES, read_at
from bulkput.source.source_file import OpenedFile

_OFFSET_MASK = np.uint64(0x00FF_FFFF_FFFF_FE00)
_COMPRESSED = np.uint64(1 << 62)
_COMPRESSED_MASK = np.uint64((1 << 62) - 1)
_READS_AS_ZERO = np.uint64(1)
_ALLOCATED_PARTS = np.uint64(0xFFFF_FFFF)

_LAST_STREAMS_MAX = 512
"""Compressed clusters whose last sector is the file's last: each has at least a byte in it."""


@dataclass(frozen=True)
class Tables:
    """Where an image's clusters lie."""

    file: OpenedFile
    cluster_bits: int
    disk_bytes: int
    is_wide: bool
    """Whether the entries have a second word, of the parts of a cluster."""
    is_deflated: bool
    """Whether clusters are compressed by zlib, not by zstd."""
    _last_streams: dict[int, bool] = field(default_factory=dict)
    """Where the streams begin that were looked at, and whether each is whole."""

    @property
    def _cluster_bytes(self) -> int:
        return 1 << self.cluster_bits

    def check_end(self, l1_at: int, l1_entries: int) -> None:
        """Check that every table and every cluster in use lies within the file.

        Reads all tables, 8 bytes for each cluster in use, which the reading afterwards finds in
        the page cache.

        Raises:
            SourceError: one does not, or is where no table can be.
        """
        needed_bytes = l1_at + 8 * l1_entries
        if needed_bytes > self.file.size_bytes:
            raise self._cut_short(needed_bytes)
        covered_bytes = self._cluster_bytes // (16 if self.is_wide else 8) * self._cluster_bytes
        # Entries behind the disk's end are of the memory that internal snapshots keep, not of it.
        l1_entries = min(l1_entries, -(-self.disk_bytes // covered_bytes))
        l1 = np.frombuffer(read_at(self.file, l1_at, 8 * l1_entries), ">u8")
        # The first entry that leads to a table leads to the longest part of the disk.
        places, indexes = np.unique(l1.astype(np.uint64) & _OFFSET_MASK, return_index=True)
        for l2_at, index in zip(places.tolist(), indexes.tolist(), strict=True):
            if not l2_at:
                continue
            if l2_at % self._cluster_bytes:
                what = f"is a qcow2 image that is damaged: a table at {l2_at} is in no cluster"
                raise SourceError(self.file.path, f"{what} (qemu-img check)")
            needed_bytes = max(needed_bytes, l2_at + self._cluster_bytes)
            if l2_at < self.file.size_bytes:
                table = read_at(self.file, l2_at, self._cluster_bytes)
                rest_bytes = self.disk_bytes - index * covered_bytes
                needed_bytes = max((needed_bytes, *self._ends(table, rest_bytes)))
        if needed_bytes > self.file.size_bytes:
            raise self._cut_short(needed_bytes)

    def _cut_short(self, needed_bytes: int) -> SourceError:
        size_bytes = self.file.size_bytes
        lacks = f"it has {size_bytes} bytes, and its tables lead to {needed_bytes}"
        if needed_bytes - size_bytes < self._cluster_bytes:
            return SourceError(
                self.file.path,
                f"is a qcow2 image that ends within its last cluster ({lacks}): it was cut short, "
                "or written by a program that leaves zeros at the end out. Compare its length with "
                "the original's: if it is that, qemu-img convert -O qcow2 IMAGE WHOLE.qcow2 fills "
                "up what is missing with zeros; else copy it again",
            )
        return SourceError(self.file.path, f"is a qcow2 image cut short: {lacks}; copy it again")

    def _ends(self, table: bytes, rest_bytes: int) -> Iterator[int]:
        """Yield where what a table leads to ends, if there is any."""
        words = 2 if self.is_wide else 1
        entries = np.frombuffer(table[: len(table) // (8 * words) * 8 * words], ">u8")
        entries = entries.astype(np.uint64)
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
        entry names the last sector, of which a file may lack what nobody wrote; whether anything
        else is missing, only the stream itself shows. (Of zstd's QEMU notices it: no frame's last
        byte is zero.)
        """
        offset_bits = np.uint64(62 - (self.cluster_bits - 8))
        offsets = (entries & ((np.uint64(1) << offset_bits) - np.uint64(1))).astype(np.int64)
        sectors = offsets // SECTOR_BYTES + (entries >> offset_bits).astype(np.int64) + 1
        size_bytes = self.file.size_bytes
        beyond = np.flatnonzero(sectors * SECTOR_BYTES > size_bytes)
        places, firsts = np.unique(offsets[beyond], return_index=True)
        for at_bytes, first in zip(places.tolist(), firsts.tolist(), strict=True):
            end_bytes = int(sectors[beyond[first]]) * SECTOR_BYTES
            is_there = end_bytes - size_bytes < SECTOR_BYTES and (
                not self.is_deflated or self._is_whole_deflate(at_bytes)
            )
            if not is_there:
                yield end_bytes
                return

    def _is_whole_deflate(self, at_bytes: int) -> bool:
        known = self._last_streams.get(at_bytes)
        if known is None:
            known = len(self._last_streams) < _LAST_STREAMS_MAX and self._inflates(at_bytes)
            self._last_streams[at_bytes] = known
        return known

    def _inflates(self, at_bytes: int) -> bool:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = read_at(self.file, at_bytes, 2 * self._cluster_bytes)
        try:
            inflater.decompress(data, self._cluster_bytes + 1)
        except zlib.error:
            return False
        return inflater.eof
