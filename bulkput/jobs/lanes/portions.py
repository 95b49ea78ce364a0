"""A lane's side of portions: spans out of those that it is given, and when each is settled."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bulkput.jobs.lanes.protocol import PortionSettled, no_counts
from bulkput.model.block import Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress
from bulkput.model.runs import joined
from bulkput.pipeline.span_queue import spans_within
from bulkput.pipeline.tally import Settled
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span
from bulkput.source.source import Source


class PortionSpans:
    """The spans of the portions that a lane is given, one portion at a time."""

    def __init__(
        self,
        source: Source,
        workers: Workers,
        want: Callable[[], None],
        *,
        span_blocks: int,
        cut_holes: bool,
    ) -> None:
        """Begin with nothing; ``want`` asks for a portion, which ``give`` then brings."""
        self._source = source
        self._workers = workers
        self._want = want
        self._span_blocks = span_blocks
        self._cut_holes = cut_holes
        self._ready: deque[Span] = deque()
        self._given: asyncio.Future[Extent | None] | None = None

    async def take(self) -> Span | None:
        """Return the next span; asks for a portion when it has none. None: there is no more."""
        while not self._ready:
            self._given = asyncio.get_running_loop().create_future()
            self._want()
            portion = await self._given
            if portion is None:
                return None
            self._ready.extend(await self._workers.run(partial(self._cut, portion)))
        return self._ready.popleft()

    def give(self, portion: Extent | None) -> None:
        """Take a portion that was asked for."""
        if self._given is not None and not self._given.done():
            self._given.set_result(portion)

    def _cut(self, portion: Extent) -> list[Span]:
        return list(
            spans_within(
                self._source, portion, span_blocks=self._span_blocks, cut_holes=self._cut_holes
            )
        )


@dataclass
class _Open:
    """A portion that is not settled yet."""

    extent: Extent
    counts: dict[str, int] = field(default_factory=no_counts)
    fates: dict[BlockFate, list[Extent]] = field(default_factory=dict)
    settled: int = 0

    def as_settled(self) -> PortionSettled:
        """Return what the job hears of it."""
        fates = {fate: tuple(joined(sorted(extents))) for fate, extents in self.fates.items()}
        return PortionSettled(self.extent, self.counts, fates)


class PortionTally:
    """Counts in the lane's progress and in each portion, and reports one that is settled.

    The map of the disk is of settled portions alone: what a lane knows when it dies is forgotten.
    """

    def __init__(self, progress: Progress, on_settled: Callable[[PortionSettled], None]) -> None:
        self._progress = progress
        self._on_settled = on_settled
        self._open: list[_Open] = []
        self._starts: list[int] = []

    def begin(self, portion: Extent) -> None:
        """Count a portion's blocks, before the first of them can be settled."""
        at = bisect_right(self._starts, portion.start)
        self._starts.insert(at, portion.start)
        self._open.insert(at, _Open(portion))

    def place(self, fate: BlockFate, start: int, stop: int | None = None) -> None:
        extent = Extent(start, start + 1 if stop is None else stop)
        self._open[self._at(start)].fates.setdefault(fate, []).append(extent)

    def add(self, settled: Settled, index: int, block_count: int = 1) -> None:
        progress = self._progress
        setattr(progress, settled, getattr(progress, settled) + block_count)
        at = self._at(index)
        portion = self._open[at]
        portion.counts[settled] += block_count
        portion.settled += block_count
        if portion.settled == portion.extent.block_count:
            del self._open[at], self._starts[at]
            self._on_settled(portion.as_settled())

    def _at(self, index: int) -> int:
        """Return where the portion of a block stands.

        Raises:
            IndexError: it is of none that is open.
        """
        at = bisect_right(self._starts, index) - 1
        if at < 0 or index >= self._open[at].extent.stop:
            raise IndexError(f"block {index} is of no portion")
        return at
