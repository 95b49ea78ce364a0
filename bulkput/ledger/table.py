"""The file of records of one snapshot: reading and writing them, in bounded memory.

Knows no JSON, no lock, and not what a run does with a state; it only refuses what would lose the
knowledge that a block may be in the snapshot.
"""

import errno
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bulkput.ledger.record import (
    RECORD,
    RECORD_SIZE_BYTES,
    BoolArray,
    RecordCodec,
    Records,
    State,
    Uint8Array,
    may_be_in_snapshot,
)
from bulkput.ledger.state_file import open_state_file
from bulkput.ledger.storage import storage_error, write_all
from bulkput.ledger.table_header import (
    HEAD_SIZE_BYTES,
    describe_head,
    encode_head,
    file_size_bytes,
    head_holds,
)
from bulkput.model.block import DIGEST_SIZE_BYTES, ZERO_BLOCK_DIGEST, Extent
from bulkput.model.errors import IntegrityError, LedgerError
from bulkput.model.runs import joined, runs

WINDOW_RECORDS = 8_192
"""Records handled at a time: 320 KiB, which stays in a core's cache while its CRCs are checked."""

_SKIP_DIGESTS = MappingProxyType(
    {State.SKIPPED_ZERO: ZERO_BLOCK_DIGEST, State.UNCHANGED: bytes(DIGEST_SIZE_BYTES)}
)


class Window(NamedTuple):
    """Some records, read and checked, from index ``start`` on."""

    start: int
    records: Records
    states: Uint8Array


class Table:
    """Records 0 to ``block_count`` of ``snapshot_id`` in the file ``path``.

    Written with pwrite, not through a map: a full disk is then an error instead of a SIGBUS, the
    process's memory stays the same whatever the file's size, and the pages are the kernel's the
    moment the call returns, so that kill -9 loses nothing. It costs 1 us a record. Methods may be
    called from any thread.
    """

    def __init__(self, path: Path, snapshot_id: str, block_count: int, descriptor: int) -> None:
        self.path = path
        self.snapshot_id = snapshot_id
        self.block_count = block_count
        self.blank = State.UNKNOWN
        """What a record of zeros means; LOST where marks may be missing."""
        self.whole = True
        self._descriptor = descriptor
        self._codec = RecordCodec(snapshot_id)
        self._encode = self._codec.encoder()

    @classmethod
    def create(cls, path: Path, snapshot_id: str, block_count: int) -> "Table":
        """Make ``path`` an empty table, durably, whatever it was before.

        Raises:
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        try:
            descriptor = open_state_file(path, os.O_RDWR | os.O_CREAT)
            try:
                os.ftruncate(descriptor, 0)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise storage_error(path, "create the table", error) from error
        table = cls(path, snapshot_id, block_count, descriptor)
        try:
            table.mend()
        except BaseException:
            table.close()
            raise
        return table

    @classmethod
    def open(cls, path: Path, snapshot_id: str, block_count: int, *, writable: bool) -> "Table":
        """Open a table; ``whole`` of it is whether nothing of its file is lost.

        A file that is missing, cut, or has a damaged head is not whole: blocks of lost records
        may have been sent. ``mend`` gives it its size and its head back.

        Raises:
            LedgerError: the table is of another snapshot, size or version, or cannot be read.
        """
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        try:
            descriptor = open_state_file(path, flags)
            try:
                head = os.pread(descriptor, HEAD_SIZE_BYTES, 0)
                size_bytes = os.fstat(descriptor).st_size
                table = cls(path, snapshot_id, block_count, descriptor)
                table.whole = table._is_own(head) and size_bytes == file_size_bytes(block_count)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise storage_error(path, "open the table", error) from error
        return table

    def _is_own(self, head: bytes) -> bool:
        own = encode_head(self.snapshot_id, self.block_count)
        if head != own and head_holds(head):
            raise LedgerError(
                self.path,
                f"the table has {describe_head(head)}, and its ledger.json is of one with"
                f" {describe_head(own)}. To start a new snapshot, remove its folder",
            )
        return head == own

    def mend(self) -> None:
        """Give the file its size and its head, durably; records that are gone read as blank.

        Raises:
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        try:
            os.ftruncate(self._descriptor, file_size_bytes(self.block_count))
            write_all(self._descriptor, encode_head(self.snapshot_id, self.block_count), 0)
            os.fsync(self._descriptor)
        except OSError as error:
            raise storage_error(self.path, "repair the table", error) from error

    def write(self, index: int, state: State, digest: bytes) -> None:
        """Set one record; a few microseconds.

        Raises:
            IndexError: no such block.
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        if not 0 <= index < self.block_count:
            raise IndexError(f"block {index} of {self.block_count}")
        record = self._encode(index, state, digest)
        offset_bytes = HEAD_SIZE_BYTES + index * RECORD_SIZE_BYTES
        try:
            written = os.pwrite(self._descriptor, record, offset_bytes)
            if written != RECORD_SIZE_BYTES:
                write_all(self._descriptor, record[written:], offset_bytes + written)
        except OSError as error:
            raise storage_error(self.path, f"record block {index}", error) from error

    def write_skipped(self, extent: Extent, state: State) -> None:
        """Set a run of records to SKIPPED_ZERO or UNCHANGED: all of it, or none.

        Raises:
            IndexError: no such blocks.
            IntegrityError: one of the blocks may be in the snapshot, and so must be put.
            LedgerError: the file cannot be written or read.
            TemporaryError: the disk is full.
        """
        for blocked in self.extents(may_be_in_snapshot, extent):
            raise IntegrityError(
                f"block {blocked.start} may already be in {self.snapshot_id} and cannot be left"
                " out any more: it must be put"
            )
        digest = _SKIP_DIGESTS[state]
        for start in range(extent.start, extent.stop, WINDOW_RECORDS):
            count = min(WINDOW_RECORDS, extent.stop - start)
            content = self._codec.fill(start, count, state, digest).view(np.uint8).data
            try:
                write_all(self._descriptor, content, HEAD_SIZE_BYTES + start * RECORD_SIZE_BYTES)
            except OSError as error:
                raise storage_error(self.path, f"record blocks from {start}", error) from error

    def read(self, extent: Extent) -> Window:
        """Return all records of ``extent``, checked; memory for 41 bytes a block.

        Raises:
            IndexError: no such blocks.
            LedgerError: the file cannot be read.
        """
        if not 0 <= extent.start <= extent.stop <= self.block_count:
            raise IndexError(f"blocks {extent.start} to {extent.stop} of {self.block_count}")
        size_bytes = extent.block_count * RECORD_SIZE_BYTES
        content = bytearray(size_bytes)
        try:
            with memoryview(content) as view:
                done = 0
                while done < size_bytes:
                    offset_bytes = HEAD_SIZE_BYTES + extent.start * RECORD_SIZE_BYTES + done
                    got = os.preadv(self._descriptor, [view[done:]], offset_bytes)
                    if got == 0:
                        break
                    done += got
        except OSError as error:
            raise storage_error(self.path, "read the table", error) from error
        if done < size_bytes and self.blank is not State.LOST:
            raise LedgerError(self.path, "the table was truncated while in use. Run again")
        records = np.frombuffer(content, dtype=RECORD)
        return Window(extent.start, records, self._codec.states(records, extent.start, self.blank))

    def windows(self, extent: Extent | None = None) -> Iterator[Window]:
        """Iterate over the records of ``extent`` in bounded windows, passing over the file's holes.

        What is left out reads as UNKNOWN. The cost goes by what was ever written.

        Raises:
            IndexError: no such blocks.
            LedgerError: the file cannot be read.
        """
        whole = Extent(0, self.block_count) if extent is None else extent
        if not 0 <= whole.start <= whole.stop <= self.block_count:
            raise IndexError(f"blocks {whole.start} to {whole.stop} of {self.block_count}")
        start = self._next_data(whole.start)
        while start < whole.stop:
            stop = min(start + WINDOW_RECORDS, whole.stop)
            yield self.read(Extent(start, stop))
            start = self._next_data(stop)

    def extents(
        self, wanted: Callable[[Uint8Array], BoolArray], within: Extent | None = None
    ) -> Iterator[Extent]:
        """Iterate over the longest runs of blocks whose states are ``wanted``, ascending.

        UNKNOWN blocks that were never written cannot be found in this way.
        """
        windows = self.windows(within)
        found = (runs(wanted(window.states), window.start) for window in windows)
        return joined(chain.from_iterable(found))

    def _next_data(self, index: int) -> int:
        """Return the first index from ``index`` on that the file has a page for."""
        if self.blank is State.LOST:  # a hole has a meaning then: its marks are gone
            return index
        offset_bytes = HEAD_SIZE_BYTES + index * RECORD_SIZE_BYTES
        try:
            data_bytes = os.lseek(self._descriptor, offset_bytes, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return self.block_count
            raise storage_error(self.path, "read the table", error) from error
        return (data_bytes - HEAD_SIZE_BYTES) // RECORD_SIZE_BYTES

    def flush(self) -> None:
        """Make all marks outlive the machine; blocks until the disk has them.

        Raises:
            LedgerError: the disk refused.
            TemporaryError: the disk is full.
        """
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise storage_error(self.path, "flush the table", error) from error

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
