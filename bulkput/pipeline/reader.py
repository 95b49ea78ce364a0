"""The reader: walks the source's blocks in order and says which windows are to be read.

Reserves the byte budget for every window before it exists; the hashers do the reading. Decides
from the ledger what need not be read again.
"""

from itertools import islice

import numpy as np

from bulkput.ledger.record import never_sent, vouched_for
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.runs import joined, runs
from bulkput.pipeline.baseline import nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.planning.spans import Span, spans

_SPANS_PER_HOP = 64
"""Finding extents blocks (lseek), so it runs in a worker; one hop (~50 us) for many spans."""


class Reader:
    """One task; ends by closing its output, whatever the reason."""

    def __init__(
        self, parts: UploadParts, policy: UploadPolicy, *, output: Channel[Span], budget: ByteBudget
    ) -> None:
        """Send spans for which the budget has been reserved to ``output``."""
        source = parts.source
        self._spans = spans(source.extents(), source.block_count, span_blocks=policy.window_blocks)
        self._ledger = parts.ledger
        self._baseline = parts.baseline
        self._unchanged = parts.unchanged
        self._workers = parts.workers
        self._progress = parts.progress
        self._policy = policy
        self._output = output
        self._budget = budget

    async def run(self) -> None:
        """Send every piece that must be looked at."""
        while batch := await self._workers.run(self._next_spans):
            for span in batch:
                if span.is_hole and not self._policy.zeros.put_holes:
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
        if not self._policy.trust_ledger and self._unchanged is nothing_is_known:
            await self._send(span)
            return
        for start in range(span.start, span.stop, self._policy.window_blocks):
            stop = min(start + self._policy.window_blocks, span.stop)
            states = self._ledger.states(start, stop)
            known = self._unchanged(start, stop) & never_sent(states)
            for run in runs(known):
                self._ledger.mark_unchanged(start + run.start, start + run.stop)
            if not self._policy.trust_ledger:
                self._progress.blocks_unchanged += int(np.count_nonzero(known))
                for run in runs(~known):
                    await self._send(Span(start + run.start, start + run.stop, span.is_hole))
                continue
            vouched = vouched_for(states, skip_zeros=self._policy.zeros.skips(is_hole=False))
            self._progress.blocks_resumed += int(np.count_nonzero(vouched.resumed))
            self._progress.blocks_skipped_zero += int(np.count_nonzero(vouched.skipped))
            self._progress.blocks_unchanged += int(np.count_nonzero(vouched.unchanged | known))
            for run in runs(~(vouched.blocks | known)):
                await self._send(Span(start + run.start, start + run.stop, span.is_hole))

    async def _send(self, span: Span) -> None:
        for start in range(span.start, span.stop, self._policy.window_blocks):
            stop = min(start + self._policy.window_blocks, span.stop)
            await self._budget.acquire((stop - start) * BLOCK_SIZE_BYTES)
            await self._output.send(Span(start, stop, span.is_hole))
