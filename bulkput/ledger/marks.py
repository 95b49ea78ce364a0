"""What is known of each block: making marks, and asking for what they are worth.

When a count and a checksum can be right is decided here; what a state allows is the record's to
know. Knows no header, no lock and no crash; those are the ledger's.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bulkput.ledger.record import (
    BoolArray,
    State,
    Uint8Array,
    among,
    is_acknowledged,
    may_be_in_snapshot,
    must_be_put,
)
from bulkput.ledger.table import Table
from bulkput.model.block import Extent
from bulkput.model.errors import IntegrityError, LedgerError


class Counts(NamedTuple):
    """Blocks by state."""

    unknown: int
    sent: int
    acknowledged: int
    skipped_zero: int
    unchanged: int
    lost: int


class Linear(NamedTuple):
    """What CompleteSnapshot is given."""

    changed_blocks_count: int
    checksum_b64: str
    """SHA-256 over the acknowledged digests in ascending block index, in base64."""


class Acknowledged(NamedTuple):
    """Some blocks from index ``start`` on, and which of them the snapshot was given."""

    start: int
    present: BoolArray
    digests: Uint8Array
    """Of shape ``(block count, 32)``; without meaning where a block is not present."""


class Marks:
    """The marks in one table, which may be missing until the snapshot is started.

    Marks may come from any thread, one thread a block at a time. They are safe against the death
    of the process as soon as they return, and against that of the machine after ``flush``.
    """

    def __init__(self, folder: Path, table: Table | None) -> None:
        self._folder = folder
        self._table = table

    @property
    def marks_lost(self) -> bool:
        """Whether unknown records count as lost: they must be put, whatever the zero policy."""
        return self._table is not None and self._table.blank is State.LOST

    def trust_unknown(self) -> None:
        """Take unknown records for never sent although ``marks_lost``, until closed.

        Right only if the source is what it was in every earlier run of this ledger and the zero
        policy too: a mark that went missing then names a block that is put again, or one that was
        left out.
        """
        self._bound().blank = State.UNKNOWN

    def mark_sent(self, index: int, digest: bytes) -> None:
        """Note that a put of ``digest`` is about to leave; before it does.

        Raises:
            LedgerError: the table cannot be written.
            TemporaryError: the disk is full.
        """
        self._bound().write(index, State.SENT, digest)

    def mark_acknowledged(self, index: int, digest: bytes) -> None:
        """Note that the service has echoed ``digest`` for the block.

        Raises:
            LedgerError: the table cannot be written.
            TemporaryError: the disk is full.
        """
        self._bound().write(index, State.ACKNOWLEDGED, digest)

    def mark_skipped_zero(self, start: int, stop: int) -> None:
        """Note that blocks were read, are zeros and are left out.

        Not needed for holes of the source: they are found again for nothing, and a record costs
        40 bytes of disk.

        Raises:
            IntegrityError: one of them may be in the snapshot and must be put; nothing is marked.
            LedgerError: the table cannot be written.
            TemporaryError: the disk is full.
        """
        self._bound().write_skipped(Extent(start, stop), State.SKIPPED_ZERO)

    def mark_unchanged(self, start: int, stop: int) -> None:
        """Note that blocks are equal to the baseline's and are left out.

        Raises:
            IntegrityError: one of them may be in the snapshot and must be put; nothing is marked.
            LedgerError: the table cannot be written.
            TemporaryError: the disk is full.
        """
        self._bound().write_skipped(Extent(start, stop), State.UNCHANGED)

    def flush(self) -> None:
        """Make all marks outlive the machine; blocks until the disk has them.

        Whoever made them: what several processes wrote is one file's to the disk.

        Raises:
            LedgerError: the disk refused.
            TemporaryError: the disk is full.
        """
        if self._table is not None:
            self._table.flush()

    # What a run decides by.

    def states(self, start: int, stop: int) -> Uint8Array:
        """Return the ``State`` of each block; LOST where a record does not hold."""
        return self._bound().read(Extent(start, stop)).states

    def digests(self, start: int, stop: int) -> Uint8Array:
        """Return the stored digests, one row of 32 bytes a block; zeros where none is known."""
        window = self._bound().read(Extent(start, stop))
        digests: Uint8Array = window.records["digest"].copy()
        digests[among(window.states, (State.UNKNOWN, State.LOST))] = 0
        return digests

    def digest(self, index: int) -> bytes:
        """Return the stored digest of one block; zeros where none is known."""
        return self.digests(index, index + 1).tobytes()

    def sent_unacknowledged(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of blocks that must be put; cheap over what was never written."""
        return self._bound().extents(must_be_put, self._extent(start, stop))

    def acknowledged(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of acknowledged blocks; cheap over what was never written."""
        return self._bound().extents(is_acknowledged, self._extent(start, stop))

    def not_skippable(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of blocks that may be in the snapshot, and so cannot be left out.

        What a hole of the source must be checked against, however long it is.
        """
        return self._bound().extents(may_be_in_snapshot, self._extent(start, stop))

    def counts(self) -> Counts:
        """Return how many blocks have which state."""
        found: npt.NDArray[np.intp] = np.zeros(256, dtype=np.intp)
        seen = 0
        for window in self._bound().windows():
            found += np.bincount(window.states, minlength=256)
            seen += len(window.states)
        found[State.UNKNOWN] += self._bound().block_count - seen
        return Counts(*(int(found[state]) for state in State))

    def acknowledged_windows(self) -> Iterator[Acknowledged]:
        """Iterate over all records that were ever written, in bounded windows, ascending."""
        for window in self._bound().windows():
            present = is_acknowledged(window.states)
            yield Acknowledged(window.start, present, window.records["digest"])

    def linear(self) -> Linear:
        """Return the count and the LINEAR checksum of the blocks given to the snapshot.

        Blocks: about a second for 10 million of them; call it in a thread.

        Raises:
            IntegrityError: a block may be in the snapshot with unknown content, so no count and
                no checksum can be right.
            LedgerError: the table cannot be read.
        """
        table = self._bound()
        aggregate = hashlib.sha256()
        count = 0
        for window in table.windows():
            open_puts = np.flatnonzero(must_be_put(window.states))
            if len(open_puts):
                raise IntegrityError(
                    f"block {window.start + int(open_puts[0])} may be in {table.snapshot_id}"
                    " without an acknowledged digest: the snapshot cannot be completed. Run the"
                    " same command again: it puts such blocks"
                )
            digests = window.records["digest"][is_acknowledged(window.states)]
            aggregate.update(digests.tobytes())
            count += len(digests)
        return Linear(count, base64.b64encode(aggregate.digest()).decode("ascii"))

    def _bound(self) -> Table:
        if self._table is None:
            raise LedgerError(self._folder, "has no open table: the snapshot is not started yet")
        return self._table

    def _extent(self, start: int, stop: int | None) -> Extent:
        return Extent(start, self._bound().block_count if stop is None else stop)
