"""The reader: walks the spans that it is given and cuts them into windows to read.

Reserves the byte budget for every window before it exists; the hashers do the reading. Decides
from the ledger what need not be read again.
"""

from bulkput.ledger.record import BoolArray, never_sent, vouched_for
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.disk_map import BlockFate
from bulkput.model.runs import joined, runs
from bulkput.model.window import window_that_fits
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.baseline import nothing_is_known
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.tally import Settled
from bulkput.planning.spans import Span


class Reader:
    """One task; ends by closing its output, whatever the reason."""

    def __init__(
        self, parts: UploadParts, policy: UploadPolicy, *, backlog: Backlog, output: Channel[Span]
    ) -> None:
        """Send spans for which the budget has been reserved to ``output``."""
        self._spans = parts.spans
        self._ledger = parts.ledger
        self._baseline = parts.baseline
        self._unchanged = parts.unchanged
        self._tally = parts.tally
        self._policy = policy
        self._backlog = backlog
        self._output = output
        self._budget = parts.budget

    async def run(self) -> None:
        """Send every piece that must be looked at."""
        while (span := await self._spans.take()) is not None:
            if span.is_hole and not self._policy.zeros.put_holes:
                await self._walk_hole(span)
            else:
                await self._walk(span)
        await self._output.close()

    async def _walk_hole(self, hole: Span) -> None:
        """Pass over a hole, but for blocks that an earlier run may have put, or the parent has."""
        start = hole.start
        for extent in joined(
            self._ledger.not_skippable(hole.start, hole.stop),
            self._baseline.extents(hole.start, hole.stop),
        ):
            self._skip_hole(start, extent.start)
            await self._send(Span(extent.start, extent.stop, is_hole=True))
            start = extent.stop
        self._skip_hole(start, hole.stop)

    def _skip_hole(self, start: int, stop: int) -> None:
        if stop > start:
            self._tally.place(BlockFate.SKIPPED_HOLE, start, stop)
            self._tally.add("blocks_skipped_hole", start, stop - start)

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
                self._count("blocks_unchanged", known, start, BlockFate.UNCHANGED)
                for run in runs(~known):
                    await self._send(Span(start + run.start, start + run.stop, span.is_hole))
                continue
            vouched = vouched_for(states, skip_zeros=self._policy.zeros.skips(is_hole=False))
            unchanged = vouched.unchanged | known
            self._count("blocks_resumed", vouched.resumed, start, BlockFate.RESUMED)
            self._count("blocks_skipped_zero", vouched.skipped, start, BlockFate.SKIPPED_ZERO)
            self._count("blocks_unchanged", unchanged, start, BlockFate.UNCHANGED)
            for run in runs(~(vouched.blocks | known)):
                await self._send(Span(start + run.start, start + run.stop, span.is_hole))

    def _count(self, settled: Settled, mask: BoolArray, first: int, fate: BlockFate) -> None:
        """Count the blocks in ``mask``, whose first element is of block ``first``."""
        for run in runs(mask, first) if mask.any() else ():
            self._tally.place(fate, run.start, run.stop)
            self._tally.add(settled, run.start, run.block_count)

    async def _send(self, span: Span) -> None:
        start = span.start
        while start < span.stop:
            stop = min(start + self._window_blocks(), span.stop)
            await self._budget.acquire((stop - start) * BLOCK_SIZE_BYTES)
            await self._output.send(Span(start, stop, span.is_hole))
            start = stop

    def _window_blocks(self) -> int:
        """Return how many blocks to read at a time: fewer while others have a part of the memory.

        Each window is a hop to a thread: with 2 MiB a put took 10% more CPU than with 8 MiB.
        """
        blocks = window_that_fits(self._budget.limit_bytes, self._policy.window_blocks)
        self._backlog.set_low(blocks)
        return blocks
