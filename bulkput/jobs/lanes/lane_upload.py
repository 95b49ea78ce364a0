"""One volume in a lane: its source and table opened, and the pipeline around them."""

import os
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from bulkput.config.settings import JobSettings
from bulkput.ebs.service import Service
from bulkput.jobs.lanes.portions import PortionSpans, PortionTally
from bulkput.jobs.lanes.protocol import (
    FromLane,
    LaneReady,
    PutOrder,
    Share,
    WantPortion,
)
from bulkput.jobs.session.put_window import gate_of
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.marks import Marks
from bulkput.ledger.table import Table
from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.errors import LedgerError, ManifestError, ServiceError
from bulkput.model.events import PutRetried
from bulkput.model.progress import Progress
from bulkput.model.window import WINDOWS_PER_BUDGET
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.baseline import NoBaseline
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.upload import upload_blocks
from bulkput.pipeline.workers import Workers
from bulkput.source.source import Source

_WAITING_PUTS_PER_S = 1.0
"""Until the share comes, which it does before the first portion."""


@dataclass(frozen=True)
class LaneTools:
    """What a lane has for all its volumes."""

    settings: JobSettings
    service: Service
    workers: Workers
    report: Callable[[FromLane], None]


class LaneUpload:
    """Puts blocks of one volume, as far as the job gives it portions."""

    def __init__(self, order: PutOrder, descriptors: Sequence[int], tools: LaneTools) -> None:
        """Take over ``descriptors``, of which the last one is the ledger's lock."""
        self.progress = Progress(order.volume)
        self._order = order
        self._descriptors = list(descriptors)
        self._tools = tools
        clock = tools.service.clock
        self._account = AccountPacer(_WAITING_PUTS_PER_S)
        self._pacer = Pacer(
            ceiling_puts_per_s=_WAITING_PUTS_PER_S,
            in_flight_max=tools.settings.tuning.in_flight_max,
            account=self._account,
            clock=clock,
            gate=gate_of(tools.settings, clock, self.progress, _unheard),
        )
        self._budget = ByteBudget(order.window_blocks * BLOCK_SIZE_BYTES * WINDOWS_PER_BUDGET)
        self._tally = PortionTally(self.progress, tools.report)
        self._spans: PortionSpans | None = None

    def set_share(self, share: Share) -> None:
        """Keep to these parts from now on."""
        now_s = self._tools.service.clock.monotonic_s()
        self._account.set_ceiling(now_s, share.account_puts_per_s)
        self._pacer.set_ceiling(share.snapshot_puts_per_s, share.in_flight_max)
        self._budget.resize(share.memory_bytes)

    def give(self, portion: Extent | None) -> None:
        """Put these blocks too; None: there are no more."""
        if self._spans is not None:
            if portion is not None:
                self._tally.begin(portion)
            self._spans.give(portion)

    async def run(self) -> None:
        """Put until there are no more portions; then everything is let go of.

        Raises:
            BulkputError: what ends the volume.
        """
        with ExitStack() as stack:
            # The lock last: nothing of this process is at work any more when others get it.
            stack.callback(os.close, self._descriptors.pop())
            source = await self._tools.workers.run(partial(self._open_source, stack))
            await self._put(source, stack)

    def _open_source(self, stack: ExitStack) -> Source:
        source = self._order.source.open(self._descriptors)
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
        clock = tools.service.clock
        parts = UploadParts(
            source=source,
            spans=self._spans,
            budget=self._budget,
            ledger=marks,
            sink=tools.service.data,
            pacer=self._pacer,
            retrier=Retrier(
                clock=clock,
                random=random.Random(),  # noqa: S311 - jitter, nothing secret
                recovery=tools.service,
                deadline_s=tuning.operation_deadline_s,
                snapshot_started_s=order.snapshot_started_s,
            ),
            workers=tools.workers,
            clock=clock,
            progress=self.progress,
            tally=self._tally,
            on_retry=self._on_retry,
            baseline=baseline,
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
        table = Table.open(order.table, order.snapshot_id, order.block_count, writable=True)
        stack.callback(table.close)
        if not table.whole:
            raise LedgerError(order.table, "the table was damaged while in use. Run again")
        table.blank = order.blank
        return Marks(order.table.parent, table)

    def _open_baseline(self, stack: ExitStack) -> Manifest | NoBaseline:
        if self._order.parent is None:
            return NoBaseline()
        path, header = self._order.parent
        manifest = Manifest.open(path, is_named=True)
        stack.callback(manifest.close)
        if manifest.header != header:
            raise ManifestError(path, "was replaced while in use. Run again")
        return manifest

    def _on_retry(self, index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        event = PutRetried(self._order.volume, index, name, delay_s, error.occurrence)
        self._tools.report(event)


def _unheard(_text: str) -> None:
    """The job itself reports a pause by the time of day."""
