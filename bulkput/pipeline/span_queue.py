"""The spans of one source, each handed out once: to this process, or in portions to others.

Owns what is still to be looked at, and what others have. Looks at no block and decides nothing.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from bulkput.model.block import Extent
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span, spans
from bulkput.source.source import Source

_SPANS_PER_HOP = 64
"""Finding extents blocks (lseek), so it runs in a worker; one hop (~50 us) for many spans."""


class Spans(Protocol):
    """What a reader takes its spans from."""

    async def take(self) -> Span | None:
        """Return the next span; None when there will be no more."""
        ...


def spans_within(
    source: Source, extent: Extent, *, span_blocks: int, cut_holes: bool
) -> Iterator[Span]:
    """Yield the spans of ``extent``; the source is asked, which blocks.

    Args:
        source: The source.
        extent: Blocks of it.
        span_blocks: The most blocks of data in a span.
        cut_holes: Whether that is the most of a hole too, because its blocks are work as well.
    """
    data = source.extents(extent.start)
    for span in spans(data, extent.stop, span_blocks=span_blocks, start=extent.start):
        if not (cut_holes and span.is_hole):
            yield span
            continue
        for start in range(span.start, span.stop, span_blocks):
            yield Span(start, min(start + span_blocks, span.stop), is_hole=True)


class SpanQueue:
    """All spans of a source, in ascending order but for those that come back; one event loop."""

    def __init__(
        self, source: Source, workers: Workers, *, span_blocks: int, cut_holes: bool
    ) -> None:
        """Begin with the whole source; see ``spans_within``."""
        self._source = source
        self._workers = workers
        self._span_blocks = span_blocks
        self._cut_holes = cut_holes
        self._found = self._within(Extent(0, source.block_count))
        self._returned: deque[Extent] = deque()
        self._ready: deque[Span] = deque()
        self._finding: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._lent: set[Extent] = set()
        self._changed = asyncio.Event()
        self.is_exhausted = False
        """Nothing is left to hand out, unless something comes back."""

    async def take(self) -> Span | None:
        """Return the next span; waits while what others have may come back."""
        while not await self._fill():
            if not self._lent:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._ready.popleft()

    async def lend(self, data_blocks: int) -> Extent | None:
        """Return a portion for another process, with about so many blocks of data.

        It has to be given to ``settled`` or ``take_back`` once. None: there is nothing for now.
        """
        if not await self._fill():
            return None
        first = self._ready.popleft()
        stop, found = first.stop, self._work_of(first)
        while found < data_blocks and self._ready and self._ready[0].start == stop:
            span = self._ready.popleft()
            stop, found = span.stop, found + self._work_of(span)
        portion = Extent(first.start, stop)
        self._lent.add(portion)
        return portion

    def settled(self, portion: Extent) -> None:
        """Learn that every block of a portion is settled in the ledger."""
        self._lent.discard(portion)
        self._changed.set()

    def take_back(self, portion: Extent) -> None:
        """Learn that whoever had a portion has not settled it, and will not."""
        if portion in self._lent:
            self._lent.remove(portion)
            self._returned.append(portion)
            self.is_exhausted = False
            self._changed.set()

    async def close(self) -> None:
        """Wait until nothing reads the source's extents any more: it may be closed then."""
        if self._finding is not None:
            await asyncio.wait({self._finding})

    async def _fill(self) -> bool:
        """Make some spans ready; False if there are none."""
        while not self._ready and not self.is_exhausted:
            if self._failure is not None:
                raise self._failure
            if self._finding is None:
                self._finding = asyncio.create_task(self._find())
            # Shielded: spans that were found for somebody who is cancelled are the next one's.
            await asyncio.shield(self._finding)
        return bool(self._ready)

    async def _find(self) -> None:
        try:
            found = await self._workers.run(self._next_spans)
            self._ready.extend(found)
            self.is_exhausted = not found and not self._returned
        except Exception as error:  # noqa: BLE001 - raised to whoever asks
            # For everybody who asks: an iterator that has failed looks like one at its end.
            self._failure = error
        finally:
            self._finding = None

    def _next_spans(self) -> list[Span]:
        """Return some spans, of what came back first; in a thread, one at a time."""
        if self._returned:
            return list(self._within(self._returned.popleft()))
        return list(islice(self._found, _SPANS_PER_HOP))

    def _within(self, extent: Extent) -> Iterator[Span]:
        return spans_within(
            self._source, extent, span_blocks=self._span_blocks, cut_holes=self._cut_holes
        )

    def _work_of(self, span: Span) -> int:
        is_free = span.is_hole and not self._cut_holes
        return 0 if is_free else span.stop - span.start
