"""The service as the read side uses it: lists of blocks, and gets that are paced and repeated."""

import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

from bulkput.config.tuning import TuningSettings
from bulkput.ebs.service import Service
from bulkput.jobs.session.rate_limits import GetRateLimits
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.events import GetRetried, Noted, Observer
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.listing import PAGE_BLOCKS, ChangedBlock, ListedBlock, Page, pages
from bulkput.pipeline.paced_call import PacedCall
from bulkput.pipeline.retry import OnRetry, Retrier
from bulkput.pipeline.workers import Workers


@dataclass(frozen=True)
class SnapshotReader:
    """Reads snapshots, all in one rate of the account."""

    service: Service
    tuning: TuningSettings
    rate_limits: GetRateLimits
    account: AccountPacer
    workers: Workers
    clock: Clock
    random: random.Random
    observer: Observer

    def held_blocks_max(self, memory_budget_bytes: int) -> int:
        """Return how many blocks may be in memory."""
        return max(1, memory_budget_bytes // BLOCK_SIZE_BYTES)

    def new_retrier(self) -> Retrier:
        """Return a retry layer for one snapshot.

        EC2 says completed up to a minute before the direct side lists a snapshot, so whoever may
        be that early sets ``snapshot_started_s``.
        """
        return Retrier(
            clock=self.clock,
            random=self.random,
            recovery=self.service,
            deadline_s=self.tuning.operation_deadline_s,
        )

    def on_call_retry(self, label: str) -> OnRetry:
        """Return what tells of repeated calls other than gets: few, so each is a note."""

        def on_retry(error: ServiceError, delay_s: float) -> None:
            text = f"{error}; trying again in {delay_s:.1f} s"
            self.observer.on_event(Noted(label, text, warning=True))

        return on_retry

    def pages(
        self, snapshot_id: str, retrier: Retrier, label: str
    ) -> AsyncGenerator[Page[ListedBlock], None]:
        """List the blocks of a snapshot."""

        async def fetch(token: str | None, index: int | None) -> Page[ListedBlock]:
            call = partial(
                self.service.control.list_blocks_page,
                snapshot_id,
                page_token=token,
                starting_block_index=index,
                max_results=PAGE_BLOCKS,
            )
            page = await retrier.run(call, self.on_call_retry(label))
            items = tuple(ListedBlock(index, token) for index, token in page.blocks)
            return Page(items, page.next_token, page.volume_size_gib)

        return pages(fetch, self.clock)

    def changed_pages(
        self, first_id: str, second_id: str, retrier: Retrier, label: str
    ) -> AsyncGenerator[Page[ChangedBlock], None]:
        """List the blocks in which two snapshots differ."""

        async def fetch(token: str | None, index: int | None) -> Page[ChangedBlock]:
            call = partial(
                self.service.control.list_changed_blocks_page,
                first_id,
                second_id,
                page_token=token,
                starting_block_index=index,
                max_results=PAGE_BLOCKS,
            )
            page = await retrier.run(call, self.on_call_retry(label))
            items = tuple(ChangedBlock(*block) for block in page.blocks)
            return Page(items, page.next_token, page.volume_size_gib)

        return pages(fetch, self.clock)

    def path(
        self,
        snapshot_id: str,
        retrier: Retrier,
        progress: Progress,
        *,
        memory_budget_bytes: int,
    ) -> GetPath:
        """Return the way of this snapshot's gets."""

        def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
            name = error.failure.name.lower()
            event = GetRetried(progress.volume, index, name, delay_s, str(error))
            self.observer.on_event(event)

        held_max = self.held_blocks_max(memory_budget_bytes)
        pacer = Pacer(
            ceiling_puts_per_s=self.rate_limits.snapshot_gets_per_s,
            in_flight_max=min(self.tuning.in_flight_max, held_max),
            account=self.account,
            clock=self.clock,
        )
        return GetPath(
            snapshot_id=snapshot_id,
            origin=self.service.data,
            call=PacedCall(pacer=pacer, retrier=retrier, progress=progress, counts=progress.gets),
            on_retry=on_retry,
        )
