"""What is known of one lane of a volume: its counters, and what it has.

Owns how its counters become the volume's. Those of blocks are exact at the end, however it goes:
what it reported of portions that it did not settle is forgotten, and counted when they are.
"""

from typing import TYPE_CHECKING, Any

from bulkput.jobs.lanes.protocol import BLOCK_COUNTS, PortionSettled, no_counts
from bulkput.model.block import Extent
from bulkput.model.latencies import merged
from bulkput.model.progress import CallCounts, Progress

if TYPE_CHECKING:
    import asyncio


class Member:
    """One lane, as the volume's crew sees it."""

    def __init__(self, total: Progress, *others: Progress) -> None:
        """Begin with nothing counted in ``total``, the volume's, nor in ``others``.

        Args:
            total: Counts the blocks, and the calls by which they are settled.
            others: Count other calls, one each, and no blocks.
        """
        self.portions = set[Extent]()
        """That it was given and has not settled."""
        self.works: dict[int, asyncio.Future[Any]] = {}
        """By their numbers, what it was given to do and has not done, and who waits for it."""
        self.has_memory = False
        """A part of the memory is its, or is being freed for it."""
        self.memory_bytes = 0
        """That it may hold, as far as is known."""
        self.is_ready = False
        self.is_leaving = False
        self._total = total
        self._counted = tuple(_Counted(each) for each in (total, *others))
        self._settled = no_counts()

    def count(self, *now: Progress) -> None:
        """Add what was counted since the last report, to each in their order."""
        for counted, progress in zip(self._counted, now, strict=True):
            counted.count(progress)

    def settle(self, portion: PortionSettled) -> None:
        """Learn what became of the blocks of a portion; from now on the map shows them."""
        self.portions.discard(portion.extent)
        for name, count in portion.counts.items():
            self._settled[name] += count
        for fate, extents in portion.fates.items():
            for extent in extents:
                self._total.disk.add(fate, extent.start, extent.stop)

    def forget_unsettled(self) -> None:
        """Count no blocks but those of settled portions: the lane is gone."""
        of_blocks, *others = self._counted
        of_blocks.end(self._settled)
        for counted in others:
            counted.end(no_counts())


class _Counted:
    """What a lane has added to one progress."""

    def __init__(self, total: Progress) -> None:
        self._total = total
        self._before = Progress(total.volume)

    def count(self, now: Progress) -> None:
        total, before = self._total, self._before
        self._add_blocks(_block_counts(now))
        _add_calls(total.puts, now.puts, before.puts)
        _add_calls(total.gets, now.gets, before.gets)
        for name, count in now.failures.items():
            more = count - before.failures.get(name, 0)
            total.failures[name] = total.failures.get(name, 0) + more
        total.in_flight += now.in_flight - before.in_flight
        self._before = now

    def end(self, blocks: dict[str, int]) -> None:
        """Let so many blocks be all, and nothing be in flight any more."""
        self._add_blocks(blocks)
        self._total.in_flight -= self._before.in_flight

    def _add_blocks(self, now: dict[str, int]) -> None:
        before = _block_counts(self._before)
        for name in BLOCK_COUNTS:
            setattr(self._total, name, getattr(self._total, name) + now[name] - before[name])


def _block_counts(progress: Progress) -> dict[str, int]:
    return {name: getattr(progress, name) for name in BLOCK_COUNTS}


def _add_calls(total: CallCounts, now: CallCounts, before: CallCounts) -> None:
    total.attempted += now.attempted - before.attempted
    total.retried += now.retried - before.retried
    total.throttled += now.throttled - before.throttled
    sums = merged((total.latencies, now.latencies.since(before.latencies)))
    total.latencies.counts[:] = sums.counts
    total.latencies.total_s = sums.total_s
