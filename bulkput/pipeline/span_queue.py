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
        self._workers = workers
        self._cut_holes = cut_holes
        self._found = spans_within(
            source, Extent(0, source.block_count), span_blocks=span_blocks, cut_holes=cut_holes
        )
        self._ready: deque[Span] = deque()
        self._finding: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._lent: dict[Extent, tuple[Span, ...]] = {}
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
        spans = [self._ready.popleft()]
        found = self._work_of(spans[0])
        while found < data_blocks and self._ready and self._ready[0].start == spans[-1].stop:
            spans.append(self._ready.popleft())
            found += self._work_of(spans[-1])
        portion = Extent(spans[0].start, spans[-1].stop)
        self._lent[portion] = tuple(spans)
        return portion

    def work_in(self, portion: Extent) -> tuple[Span, ...]:
        """Return the spans of a portion that is lent, without holes that need no look."""
        return tuple(span for span in self._lent.get(portion, ()) if self._work_of(span))

    def settled(self, portion: Extent) -> None:
        """Learn that every block of a portion is settled in the ledger."""
        self._lent.pop(portion, None)
        self._changed.set()

    def take_back(self, portion: Extent) -> None:
        """Learn that whoever had a portion has not settled it, and will not."""
        spans = self._lent.pop(portion, None)
        if spans is not None:
            # As they were found: to look again may take a list of the whole snapshot.
            self._ready.extendleft(reversed(spans))
            self.is_exhausted = False
            self._changed.set()

    async def close(self) -> None:
        """Give up the search for extents; its thread ends as soon as the source is closed.

        It is not waited for: a disk, or the list of a snapshot, may hang for minutes.
        """
        if (finding := self._finding) is not None:
            finding.cancel()
            await asyncio.wait({finding})

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
            self.is_exhausted = not found and not self._ready
        except Exception as error:  # noqa: BLE001 - raised to whoever asks
            # For everybody who asks: an iterator that has failed looks like one at its end.
            self._failure = error
        finally:
            self._finding = None

    def _next_spans(self) -> list[Span]:
        """Return some spans; in a thread, one at a time."""
        return list(islice(self._found, _SPANS_PER_HOP))

    def _work_of(self, span: Span) -> int:
        is_free = span.is_hole and not self._cut_holes
        return 0 if is_free else span.stop - span.start
