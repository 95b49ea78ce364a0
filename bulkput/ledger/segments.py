"""The table of a ledger in pieces of one size, read while others write it, and put together again.

A piece without its trailing zeros is what is kept elsewhere. Records show by themselves whether
they hold, so a piece may be read in the middle of a write: a record that was torn is lost, and its
block is put again.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bulkput.ledger.closing import Closing
from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.header_file import HEADER_NAME, write_header
from bulkput.ledger.ledger import TABLE_NAME
from bulkput.ledger.record import RECORD, RECORD_SIZE_BYTES, State
from bulkput.ledger.state_file import (
    create_in,
    open_state_file,
    opened_folder,
    put_in_place,
    remove_file,
)
from bulkput.ledger.storage import storage_error, write_all
from bulkput.ledger.table_header import HEAD_SIZE_BYTES, encode_head, file_size_bytes

SEGMENT_RECORDS = 1 << 16
"""2.5 MiB, 32 GiB of disk. In 30 s at the quota 30,000 records are made, 1.2 MB: smaller pieces
would be more requests, larger ones more bytes. 64 TiB have 2048 of them."""

SEGMENT_SIZE_BYTES = SEGMENT_RECORDS * RECORD_SIZE_BYTES

_STATE_OFFSET = int(RECORD.fields["state"][1])  # type: ignore[index] # it has fields
_LOST_BYTE = b"\xff"
"""A record of these has a state that is none, and a CRC that is wrong: it is lost."""


class Tally(NamedTuple):
    """Blocks of one segment by what is known of them; their CRCs are not looked at."""

    acknowledged: int
    skipped: int
    unchanged: int


@dataclass(frozen=True)
class Segment:
    """One piece of a table as it was at one moment."""

    number: int
    content: bytes
    """Without trailing zeros."""
    digest: bytes
    """SHA-256 of ``content``."""
    tally: Tally
    is_settled: bool
    """No record of it changes any more while this run lasts."""


def segment_count(block_count: int) -> int:
    """Return how many pieces a table has."""
    return -(-block_count // SEGMENT_RECORDS)


def records_in(number: int, block_count: int) -> int:
    """Return how many records a piece has."""
    return min(SEGMENT_RECORDS, block_count - number * SEGMENT_RECORDS)


class TableSegments(Closing):
    """The table of one snapshot, opened for reading. Methods block.

    Raises:
        FileNotFoundError: there is no table.
        LedgerError: it cannot be read.
    """

    def __init__(self, folder: Path, snapshot_id: str, block_count: int) -> None:
        self._path = folder / TABLE_NAME
        self._block_count = block_count
        self._descriptor = open_state_file(self._path, os.O_RDONLY)
        own = encode_head(snapshot_id, block_count)
        self.is_own = os.pread(self._descriptor, HEAD_SIZE_BYTES, 0) == own
        """Whether it is the table of that snapshot; else a new attempt is about to begin."""

    @property
    def changed_ns(self) -> int:
        """When the file was last written to."""
        return os.fstat(self._descriptor).st_mtime_ns

    def with_data(self) -> Iterator[int]:
        """Iterate over the pieces that were ever written to."""
        number = 0
        while number < segment_count(self._block_count):
            offset_bytes = HEAD_SIZE_BYTES + number * SEGMENT_SIZE_BYTES
            try:
                data_bytes = os.lseek(self._descriptor, offset_bytes, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                    return
                raise storage_error(self._path, "read the table", error) from error
            number = (data_bytes - HEAD_SIZE_BYTES) // SEGMENT_SIZE_BYTES
            if number < segment_count(self._block_count):
                yield number
            number += 1

    def read(self, number: int) -> Segment:
        """Return one piece.

        Raises:
            LedgerError: it cannot be read.
        """
        records = records_in(number, self._block_count)
        offset_bytes = HEAD_SIZE_BYTES + number * SEGMENT_SIZE_BYTES
        try:
            content = os.pread(self._descriptor, records * RECORD_SIZE_BYTES, offset_bytes)
        except OSError as error:
            raise storage_error(self._path, "read the table", error) from error
        content = content.rstrip(b"\0")
        found = np.bincount(
            np.frombuffer(content, np.uint8)[_STATE_OFFSET::RECORD_SIZE_BYTES], minlength=256
        )
        tally = Tally(
            int(found[State.ACKNOWLEDGED]),
            int(found[State.SKIPPED_ZERO]),
            int(found[State.UNCHANGED]),
        )
        digest = hashlib.sha256(content).digest()
        return Segment(number, content, digest, tally, sum(tally) == records)

    def close(self) -> None:
        """Give the file back; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class LedgerReplacement(Closing):
    """A ledger that comes from elsewhere, on its way into a folder whose lock the caller holds.

    What the folder has stays until ``finish``; a crash in the middle of that leaves no ledger
    there, which is then fetched again. Methods block.
    """

    def __init__(self, folder: Path, header: LedgerHeader) -> None:
        """Begin an empty table beside the one that may be there, if the snapshot is known.

        Raises:
            LedgerError: the folder cannot be written to.
            TemporaryError: the disk is full.
        """
        self._folder = folder
        self._header = header
        self._path = folder / f"{TABLE_NAME}.new"
        self._descriptor = -1
        if header.snapshot_id is None:
            return
        try:
            with opened_folder(folder) as opened:
                self._descriptor = create_in(opened, self._path)
            os.ftruncate(self._descriptor, file_size_bytes(header.block_count))
            write_all(self._descriptor, encode_head(header.snapshot_id, header.block_count), 0)
        except OSError as error:
            self.close()
            raise storage_error(self._path, "create the table", error) from error

    def write(self, number: int, content: bytes | None) -> None:
        """Put one piece in its place; None is one that is missing: all its records are lost.

        Raises:
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        size_bytes = records_in(number, self._header.block_count) * RECORD_SIZE_BYTES
        if content is None or len(content) > size_bytes:
            content = _LOST_BYTE * size_bytes
        try:
            write_all(self._descriptor, content, HEAD_SIZE_BYTES + number * SEGMENT_SIZE_BYTES)
        except OSError as error:
            raise storage_error(self._path, "write the table", error) from error

    def finish(self) -> None:
        """Make it the folder's ledger, durably.

        Raises:
            LedgerError: the folder cannot be written to.
            TemporaryError: the disk is full.
        """
        try:
            remove_file(self._folder / HEADER_NAME)  # until the end there is no ledger
            if self._descriptor >= 0:
                os.fsync(self._descriptor)
                with opened_folder(self._folder) as opened:
                    put_in_place(opened, self._path, self._folder / TABLE_NAME)
        except OSError as error:
            raise storage_error(self._path, "write the table", error) from error
        write_header(self._folder, self._header)
        self.close()

    def close(self) -> None:
        """Give up what is not finished; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
