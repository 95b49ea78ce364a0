"""The lists of blocks of a download, checked as a whole before anything is written by them.

A file that is made anew gets its name at the end, so there a bad list costs nothing but the work.
On a device or in place every write is for good: there the whole list is read first, held against
all that is known, and the one that is worked off must be the same.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.full_size import change_check
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.state.manifest_at_hand import presences, require_changes
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.pipeline.block_writer import WantedBlock
from bulkput.pipeline.list_check import Expected, ListedBlocks
from bulkput.pipeline.retry import Retrier

_LEAST_PAGE_BLOCKS = 100
_READ_BEFORE = "the list that was read before"


@dataclass
class DownloadLists:
    """The lists of one download."""

    gets: SnapshotReader
    snapshot_id: str
    changed_since: str | None
    retrier: Retrier
    label: str
    live: SnapshotState | None = None
    """What EC2 reports of the snapshot; None if it may not be asked."""
    older: SnapshotState | None = None
    expected: Expected = field(default_factory=Expected)

    async def describe(self) -> None:
        """Ask EC2 for the snapshots.

        Raises:
            SnapshotError: one is not completed, or EC2 does not know it.
            BulkputError: there is no answer.
        """
        if self.changed_since is not None:
            self.older = await self._completed(self.changed_since)
        self.live = await self._completed(self.snapshot_id)

    async def _completed(self, snapshot_id: str) -> SnapshotState | None:
        snapshots = self.gets.snapshots(self.retrier, snapshot_id)
        return await snapshots.describe_completed(snapshot_id)

    async def volume_size_gib(self, snapshot_id: str) -> int:
        """Return the size of a snapshot's volume, as its list has it.

        Raises:
            BulkputError: there is none.
        """
        call = partial(
            self.gets.service.control.list_blocks_page,
            snapshot_id,
            max_results=_LEAST_PAGE_BLOCKS,
        )
        page = await self.retrier.run(call, self.gets.on_call_retry(snapshot_id))
        return page.volume_size_gib

    async def require_lineage(self) -> None:
        """Return if the changes can be listed; called before the download is recorded.

        Raises:
            BulkputError: they cannot.
        """
        call = partial(
            self.gets.service.control.list_changed_blocks_page,
            self.changed_since,
            self.snapshot_id,
            max_results=_LEAST_PAGE_BLOCKS,
        )
        await self.retrier.run(call, self.gets.on_call_retry(self.snapshot_id))

    async def check(
        self, manifest: Manifest | None, older: Manifest | None, *, is_for_good: bool
    ) -> None:
        """Compare the list with what is known of it: as a whole, if the download overwrites.

        Args:
            manifest: Of the snapshot, if it is at hand.
            older: Of the older snapshot, if only changes are wanted.
            is_for_good: Whether the download writes over what is there.

        Raises:
            AnswerError: the list cannot be true.
            BulkputError: there is none.
        """
        gets = self.gets
        if self.changed_since is not None:
            changed = ListedBlocks(
                0 if self.live is None else self.live.volume_size_gib * BLOCKS_PER_GIB
            )
            await gets.read_changes(
                self.changed_since,
                self.snapshot_id,
                self.retrier,
                self.label,
                take=lambda items: changed.add([block.index for block in items]),
                check=change_check(self.snapshot_id, self.older, self.live),
            )
            await gets.workers.run(partial(require_changes, older, manifest, changed))
            self.expected = Expected(presences=((_READ_BEFORE, changed),))
            return
        known = presences(manifest)
        self.expected = gets.expected(self.snapshot_id, self.live, self.label, known)
        if is_for_good:
            listed = await gets.listed(self.snapshot_id, self.retrier, self.label, self.expected)
            size_gib = self.expected.volume_size_gib
            self.expected = Expected(size_gib, ((_READ_BEFORE, listed),))

    async def wanted(self) -> AsyncGenerator[Sequence[WantedBlock], None]:
        """Yield what is to be brought, page by page."""
        gets, since = self.gets, self.changed_since
        if since is None:
            pages = gets.pages(self.snapshot_id, self.retrier, self.label, self.expected)
            async with aclosing(pages):
                async for page in pages:
                    yield [WantedBlock(block.index, block.token) for block in page.items]
            return
        changes = gets.changed_pages(
            since, self.snapshot_id, self.retrier, self.label, self.expected
        )
        async with aclosing(changes):
            async for change in changes:
                yield [WantedBlock(block.index, block.second_token) for block in change.items]
