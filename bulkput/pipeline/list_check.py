"""What the pages of one list must be together: ascending, within bounds, to an end, and as known.

A page by itself was checked where it came in. Pure: given each page before it is used.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bulkput.ebs.answer_check import AnswerCheck
from bulkput.model.block import BLOCK_COUNT_MAX, BLOCKS_PER_GIB

Indexes = npt.NDArray[np.int64]

_EMPTY_PAGES_MIN = 100
"""Besides one for each GiB: how many pages without a block a list may have. The service gives
short and empty pages at its will; what it has to look through goes by the volume's size."""

_WINDOW_BLOCKS = 1 << 20
"""1 MiB of flags at a time, however far the blocks of a page lie apart."""


class Presence(Protocol):
    """Knows which blocks a list has."""

    def present(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Return a flag for each block from ``start`` to ``stop``, excluded."""
        ...


class Expected(NamedTuple):
    """What is known of a list before it comes."""

    volume_size_gib: int | None = None
    """As EC2 has it; None where EC2 was not asked, and where a list's size is of two volumes."""
    presences: Sequence[tuple[str, Presence]] = ()
    """What else records which blocks it has, and its name for the user."""
    check_count: Callable[[int], None] | None = None
    """Called with the number of all blocks at the list's end; raises what is wrong with it."""


NOTHING_IS_EXPECTED = Expected()


class ListCheck:
    """One list under examination."""

    def __init__(
        self,
        operation: str = "ListSnapshotBlocks",
        snapshot_id: str | None = None,
        expected: Expected = NOTHING_IS_EXPECTED,
    ) -> None:
        """Take what a refusal names, and what is known.

        Args:
            operation: Of the list.
            snapshot_id: Of the list.
            expected: What it must agree with.
        """
        self.block_count = 0
        """Listed until now."""
        self._check = AnswerCheck(operation, snapshot_id)
        self._expected = expected
        self._volume_size_gib = expected.volume_size_gib
        self._next = 0
        self._empty_pages = 0
        self._tokens: set[str] = set()
        """Of the pages since the last block."""

    def take(self, indexes: Sequence[int], volume_size_gib: int, next_token: str | None) -> None:
        """Return if the page can follow those before; to be called before anything is done with it.

        Args:
            indexes: Of its blocks, ascending.
            volume_size_gib: The volume's size by this page.
            next_token: Of the page behind it.

        Raises:
            AnswerError: it cannot.
        """
        self._check_size(volume_size_gib)
        if indexes:
            self._check.place(indexes[0], self._next - 1, BLOCK_COUNT_MAX)
            self._tokens.clear()
        else:
            self._count_empty(volume_size_gib)
        if next_token is not None and next_token in self._tokens:
            self._check.refuse("its NextToken leads to a page that was given already")
        if next_token is not None:
            self._tokens.add(next_token)
        is_end = next_token is None
        stop = indexes[-1] + 1 if indexes else self._next
        self._compare(np.array(indexes, dtype=np.int64), stop, is_end=is_end)
        self._next = stop
        self.block_count += len(indexes)
        if is_end and self._expected.check_count is not None:
            self._expected.check_count(self.block_count)

    def _check_size(self, volume_size_gib: int) -> None:
        known = self._volume_size_gib
        if known is None:
            self._volume_size_gib = volume_size_gib
        elif known != volume_size_gib:
            self._check.refuse(
                f"its VolumeSize is {volume_size_gib} GiB, and the volume has {known}"
            )

    def _count_empty(self, volume_size_gib: int) -> None:
        self._empty_pages += 1
        if self._empty_pages > _EMPTY_PAGES_MIN + volume_size_gib:
            self._check.refuse(f"{self._empty_pages} of its pages are empty, and it does not end")

    def _compare(self, indexes: Indexes, stop: int, *, is_end: bool) -> None:
        """Compare the blocks up to ``stop``, at the end up to the volume's, with what is known."""
        if is_end and self._volume_size_gib is not None:
            stop = max(stop, self._volume_size_gib * BLOCKS_PER_GIB)
        for name, presence in self._expected.presences:
            for at in range(self._next, stop, _WINDOW_BLOCKS):
                end = min(at + _WINDOW_BLOCKS, stop)
                known = at + np.flatnonzero(presence.present(at, end))
                first, last = np.searchsorted(indexes, (at, end)).tolist()
                if np.array_equal(known, indexes[first:last]):
                    continue
                odd = int(np.setxor1d(known, indexes[first:last])[0])
                verb = "lacks" if odd in known else "has"
                self._check.refuse(f"it {verb} block {odd}, other than {name}")


class ListedBlocks:
    """Which blocks a whole list has."""

    def __init__(self, block_count: int) -> None:
        """Begin with none.

        Args:
            block_count: Of the volume: a byte for each, at most 128 MiB for 64 TiB.
        """
        self._flags = np.zeros(block_count, dtype=np.bool_)

    def add(self, indexes: Sequence[int]) -> None:
        """Take the blocks of a page."""
        if indexes and indexes[-1] >= len(self._flags):
            self._flags = np.append(
                self._flags, np.zeros(indexes[-1] + 1 - len(self._flags), dtype=np.bool_)
            )
        self._flags[np.array(indexes, dtype=np.int64)] = True

    @property
    def block_count(self) -> int:
        """Of the list."""
        return int(np.count_nonzero(self._flags))

    def present(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        found = np.zeros(stop - start, dtype=np.bool_)
        known = self._flags[start:stop]
        found[: len(known)] = known
        return found
