"""The service as the read side uses it: lists of blocks, and gets that are paced and repeated."""

import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from bulkput.config.tuning import TuningSettings
from bulkput.ebs.service import Service
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.full_size import count_check
from bulkput.jobs.session.rate_limits import GetRateLimits
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.events import GetRetried, Noted, Observer
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.list_check import (
    NOTHING_IS_EXPECTED,
    Expected,
    ListCheck,
    ListedBlocks,
    Presence,
)
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
    server: EmbeddedServer | None = None
    """The embedded one, where the snapshots are a rehearsal's."""

    def held_blocks_max(self, memory_budget_bytes: int) -> int:
        """Return how many blocks may be in memory."""
        return max(1, memory_budget_bytes // BLOCK_SIZE_BYTES)

    def in_flight_max(self, memory_budget_bytes: int) -> int:
        """Return how many gets of one snapshot may be in flight: what comes has to be held."""
        return min(self.tuning.in_flight_max, self.held_blocks_max(memory_budget_bytes))

    def new_retrier(self) -> Retrier:
        """Return a retry layer for one snapshot.

        EC2 reports completed up to a minute before the direct side lists a snapshot, so whoever may
        be that early sets ``snapshot_started_s``.
        """
        return Retrier(
            clock=self.clock,
            random=self.random,
            recovery=self.service,
            deadline_s=self.tuning.operation_deadline_s,
        )

    def snapshots(self, retrier: Retrier, label: str) -> Snapshots:
        """Return EC2's calls about snapshots, repeated by ``retrier``."""
        return Snapshots(self.service.control, retrier, self.on_call_retry(label))

    def on_call_retry(self, label: str) -> OnRetry:
        """Return the callback for repeated calls other than gets: few, so each is a note."""

        def on_retry(error: ServiceError, delay_s: float) -> None:
            text = f"{error}; trying again in {delay_s:.1f} s"
            self.observer.on_event(Noted(label, text, warning=True))

        return on_retry

    def on_warning(self, label: str) -> Callable[[str], None]:
        """Return the callback that warns the user."""
        return lambda text: self.observer.on_event(Noted(label, text, warning=True))

    def expected(
        self,
        snapshot_id: str,
        live: SnapshotState | None,
        label: str,
        presences: Sequence[tuple[str, Presence]] = (),
    ) -> Expected:
        """Return what a list of the snapshot's blocks must agree with.

        Args:
            snapshot_id: Which snapshot.
            live: What EC2 reports of it; None if it could not be asked.
            label: For warnings.
            presences: What else records which blocks it has.
        """
        return Expected(
            volume_size_gib=None if live is None else live.volume_size_gib,
            presences=presences,
            check_count=count_check(snapshot_id, live, self.on_warning(label)),
        )

    async def listed(
        self, snapshot_id: str, retrier: Retrier, label: str, expected: Expected
    ) -> ListedBlocks:
        """Read and check the whole list, before any part of it is used.

        10,000 blocks a call: a percent of the time that getting them takes.
        """
        found: ListedBlocks | None = None
        async with aclosing(self.pages(snapshot_id, retrier, label, expected)) as listed:
            async for page in listed:
                found = found or ListedBlocks(page.volume_size_gib * BLOCKS_PER_GIB)
                found.add([block.index for block in page.items])
        return found or ListedBlocks(0)

    def pages(
        self,
        snapshot_id: str,
        retrier: Retrier,
        label: str,
        expected: Expected = NOTHING_IS_EXPECTED,
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

        return pages(fetch, self.clock, ListCheck("ListSnapshotBlocks", snapshot_id, expected))

    def changed_pages(
        self,
        first_id: str,
        second_id: str,
        retrier: Retrier,
        label: str,
        expected: Expected = NOTHING_IS_EXPECTED,
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

        return pages(fetch, self.clock, ListCheck("ListChangedBlocks", second_id, expected))

    async def read_changes(
        self,
        first_id: str,
        second_id: str,
        retrier: Retrier,
        label: str,
        *,
        take: Callable[[tuple[ChangedBlock, ...]], None],
        check: Callable[[int, int], None],
    ) -> None:
        """Read the whole list of what differs between two snapshots.

        Args:
            first_id: The older one.
            second_id: The newer one.
            retrier: Repeats what fails.
            label: For warnings.
            take: Given the blocks of each page.
            check: Called at the end with how many blocks only the first, and only the second has.

        Raises:
            AnswerError: the list cannot be true.
            BulkputError: there is none.
        """
        only_first = only_second = 0
        async with aclosing(self.changed_pages(first_id, second_id, retrier, label)) as changes:
            async for page in changes:
                only_first += sum(block.second_token is None for block in page.items)
                only_second += sum(block.first_token is None for block in page.items)
                take(page.items)
        check(only_first, only_second)

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
            event = GetRetried(progress.volume, index, name, delay_s, error.occurrence)
            self.observer.on_event(event)

        pacer = Pacer(
            ceiling_puts_per_s=self.rate_limits.snapshot_gets_per_s,
            in_flight_max=self.in_flight_max(memory_budget_bytes),
            account=self.account,
            clock=self.clock,
            limiter=self.rate_limits.snapshot_limiter,
            cpu_s=time.thread_time,
        )
        return GetPath(
            snapshot_id=snapshot_id,
            origin=self.service.data,
            call=PacedCall(pacer=pacer, retrier=retrier, progress=progress, counts=progress.gets),
            on_retry=on_retry,
        )
