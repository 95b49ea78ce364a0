"""The reader: walks the source's blocks in order and says which windows are to be read.

Reserves the byte budget for every window before it exists; the hashers do the reading. Decides
from the ledger what need not be read again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import never_sent, vouched_for
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.progress import Progress
from bulkput.model.runs import joined, runs
from bulkput.pipeline.baseline import Baseline, Unchanged, nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span

_SPANS_PER_HOP = 64
"""Finding extents blocks (lseek), so it runs in a worker; one hop (~50 us) for many spans."""


@dataclass(frozen=True)
class Piece:
    """Blocks ``start`` to ``stop`` (excluded), for which the budget has been reserved."""

    start: int
    stop: int
    is_hole: bool


class Reader:
    """One task; ends by closing its output, whatever the reason."""

    def __init__(
        self,
        *,
        spans: Iterator[Span],
        ledger: Ledger,
        baseline: Baseline,
        output: Channel[Piece],
        budget: ByteBudget,
        workers: Workers,
        progress: Progress,
        window_blocks: int,
        put_holes: bool,
        skip_zeros: bool,
        trust: bool,
        unchanged: Unchanged = nothing_is_known,
    ) -> None:
        self._spans = spans
        self._ledger = ledger
        self._baseline = baseline
        self._output = output
        self._budget = budget
        self._workers = workers
        self._progress = progress
        self._window_blocks = window_blocks
        self._put_holes = put_holes
        self._skip_zeros = skip_zeros
        self._trust = trust
        self._unchanged = unchanged

    async def run(self) -> None:
        """Send every piece that must be looked at."""
        while batch := await self._workers.run(self._next_spans):
            for span in batch:
                if span.is_hole and not self._put_holes:
                    await self._walk_hole(span)
                else:
                    await self._walk(span)
        await self._output.close()

    def _next_spans(self) -> list[Span]:
        return list(islice(self._spans, _SPANS_PER_HOP))

    async def _walk_hole(self, hole: Span) -> None:
        """Pass over a hole, but for blocks that an earlier run may have put, or the parent has."""
        skipped = hole.stop - hole.start
        for extent in joined(
            self._ledger.not_skippable(hole.start, hole.stop),
            self._baseline.extents(hole.start, hole.stop),
        ):
            skipped -= extent.block_count
            await self._send(Span(extent.start, extent.stop, is_hole=True))
        self._progress.blocks_skipped_hole += skipped

    async def _walk(self, span: Span) -> None:
        """Send a span, without what the ledger vouches for if it is to be trusted."""
        if not self._trust and self._unchanged is nothing_is_known:
            await self._send(span)
            return
        for start in range(span.start, span.stop, self._window_blocks):
            stop = min(start + self._window_blocks, span.stop)
            states = self._ledger.states(start, stop)
            known = self._unchanged(start, stop) & never_sent(states)
            for run in runs(known):
                self._ledger.mark_unchanged(start + run.start, start + run.stop)
            if not self._trust:
                self._progress.blocks_unchanged += int(np.count_nonzero(known))
                for run in runs(~known):
                    await self._send(Span(start + run.start, start + run.stop, span.is_hole))
                continue
            vouched = vouched_for(states, skip_zeros=self._skip_zeros)
            self._progress.blocks_resumed += int(np.count_nonzero(vouched.resumed))
            self._progress.blocks_skipped_zero += int(np.count_nonzero(vouched.skipped))
            self._progress.blocks_unchanged += int(np.count_nonzero(vouched.unchanged | known))
            for run in runs(~(vouched.blocks | known)):
                await self._send(Span(start + run.start, start + run.stop, span.is_hole))

    async def _send(self, span: Span) -> None:
        for start in range(span.start, span.stop, self._window_blocks):
            stop = min(start + self._window_blocks, span.stop)
            await self._budget.acquire((stop - start) * BLOCK_SIZE_BYTES)
            await self._output.send(Piece(start, stop, span.is_hole))
