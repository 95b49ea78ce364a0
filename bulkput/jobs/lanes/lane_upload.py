"""One volume in a lane: its source and table opened, and the pipeline around them."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from bulkput.jobs.lanes.lane_volume import (
    LaneCalls,
    LaneTools,
    open_shared_manifest,
    open_shared_table,
    take_share,
)
from bulkput.jobs.lanes.orders import PutOrder
from bulkput.jobs.lanes.portions import PortionSpans, PortionTally
from bulkput.jobs.lanes.protocol import (
    LaneReady,
    Portion,
    PortionSettled,
    Share,
    ToVolume,
    WantPortion,
)
from bulkput.jobs.session.put_window import gate_of
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.marks import Marks
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import ServiceError
from bulkput.model.events import PutRetried
from bulkput.model.progress import Progress
from bulkput.model.window import WINDOWS_PER_BUDGET
from bulkput.pipeline.baseline import NoBaseline, Unchanged, nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.upload import upload_blocks
from bulkput.source.shared import SharedSource
from bulkput.source.source import Source


class LaneUpload:
    """Puts blocks of one volume, as far as the job gives it portions."""

    def __init__(self, order: PutOrder, descriptors: Sequence[int], tools: LaneTools) -> None:
        """Take over ``descriptors``, of which the last one is the ledger's lock."""
        self._progress = Progress(order.volume)
        self._order = order
        self._descriptors = list(descriptors)
        self._tools = tools
        gate = gate_of(order.window, tools.service.clock, self._progress, _unheard)
        self._puts = LaneCalls(self._progress, tools, gate)
        self.calls: tuple[LaneCalls, ...] = (self._puts,)
        self.budget = ByteBudget(order.window_blocks * BLOCK_SIZE_BYTES * WINDOWS_PER_BUDGET)
        self._tally = PortionTally(self._progress, self.on_settled)
        self._spans: PortionSpans | None = None
        self.unchanged: Unchanged = nothing_is_known
        """What is known to be as in the parent, without a look."""

    def take(self, message: ToVolume) -> None:
        """Keep to a share from now on, or put a portion too."""
        if isinstance(message, Share):
            take_share(message, self.calls, self.budget)
        elif isinstance(message, Portion) and self._spans is not None:
            if message.extent is not None:
                self._tally.begin(message.extent)
            self._spans.give(message.extent)

    async def run(self) -> None:
        """Put until there are no more portions; then everything is let go of.

        Raises:
            BulkputError: what ends the volume.
        """
        with ExitStack() as stack:
            # The lock last: nothing of this process is at work any more when others get it.
            stack.callback(os.close, self._descriptors.pop())
            await self._put(await self.open_source(stack), stack)

    async def open_source(self, stack: ExitStack) -> Source:
        """Return the source, open until ``stack`` closes.

        Raises:
            BulkputError: it cannot be opened.
        """
        return await self._tools.workers.run(partial(self._open_shared, stack))

    def on_settled(self, portion: PortionSettled) -> None:
        """Report a portion that is settled."""
        self._tools.report(portion)

    def _open_shared(self, stack: ExitStack) -> Source:
        shared = self._order.source
        assert isinstance(shared, SharedSource)  # noqa: S101 - a copy's is opened by ``LaneCopy``
        source = shared.open(self._descriptors)
        stack.callback(source.close)
        return source

    async def _put(self, source: Source, stack: ExitStack) -> None:
        order, tools = self._order, self._tools
        marks = self._open_marks(stack)
        baseline = await tools.workers.run(partial(self._open_baseline, stack))
        tuning = tools.settings.tuning
        self._spans = PortionSpans(
            source,
            tools.workers,
            partial(tools.report, WantPortion()),
            span_blocks=order.window_blocks,
            cut_holes=order.zeros.put_holes,
        )
        tools.report(LaneReady())
        parts = UploadParts(
            source=source,
            spans=self._spans,
            budget=self.budget,
            ledger=marks,
            sink=tools.service.data,
            pacer=self._puts.pacer,
            retrier=tools.retrier(order.snapshot_started_s),
            workers=tools.workers,
            clock=tools.service.clock,
            progress=self._progress,
            tally=self._tally,
            on_retry=self._on_retry,
            baseline=baseline,
            unchanged=self.unchanged,
        )
        policy = UploadPolicy(
            zeros=order.zeros,
            trust_ledger=order.trust_ledger,
            window_blocks=order.window_blocks,
            give_up_after_s=tuning.give_up_after_s,
            shutdown_grace_s=tuning.shutdown_grace_s,
        )
        await upload_blocks(order.snapshot_id, parts, policy)

    def _open_marks(self, stack: ExitStack) -> Marks:
        order = self._order
        table = open_shared_table(order, stack)
        table.blank = order.blank
        return Marks(order.table.parent, table)

    def _open_baseline(self, stack: ExitStack) -> Manifest | NoBaseline:
        if self._order.parent is None:
            return NoBaseline()
        return open_shared_manifest(self._order.parent, stack)

    def _on_retry(self, index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        event = PutRetried(self._order.volume, index, name, delay_s, error.occurrence)
        self._tools.report(event)


def _unheard(_text: str) -> None:
    """The job itself reports a pause by the time of day."""
