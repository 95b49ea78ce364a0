"""The copy's parent: an earlier copy of an ancestor of the snapshot to copy.

What differs between the two snapshots the service lists (ListChangedBlocks), and what does not is
in the parent's copy already: it is neither got nor put.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.copy.history import CopyRecord, CopyRecords
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.full_size import change_check
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.state.manifest_at_hand import find_manifest, require_changes
from bulkput.jobs.upload.shelved_files import fetch_manifest
from bulkput.ledger.manifest import manifest_path
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.model.errors import ServiceError
from bulkput.model.events import Noted
from bulkput.model.failure import FailureClass
from bulkput.pipeline.list_check import ListedBlocks
from bulkput.pipeline.retry import Retrier

_TRIED_MAX = 5
"""Copies that are asked about; each costs a few calls at both ends."""

_UNRELATED = frozenset({FailureClass.INVALID, FailureClass.GONE, FailureClass.NOT_YET_VISIBLE})


@dataclass(frozen=True)
class Changes:
    """Which blocks of a snapshot are not as in an older one."""

    changed: ListedBlocks
    block_count: int
    """Of the newer one."""

    def unchanged(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Return which blocks are the same in both; none behind the newer one's end."""
        found = ~self.changed.present(start, stop)
        found[max(0, self.block_count - start) :] = False
        return found


@dataclass(frozen=True)
class Lineage:
    """The record of a copy about to be made, and what is known of its difference to the parent."""

    record: CopyRecord
    changes: Changes | None = None
    """None of a full copy, and where the two snapshots cannot be compared any more."""


def _same_wish(started: CopyRecord, wanted: CopyRecord) -> bool:
    """Return whether a copy that was started is the one that is wanted, whatever its parent."""
    unbound = replace(started, parent_source_id=None, parent_copy_id=None, copy_id=None)
    return unbound == wanted


class Search:
    """The search for a parent, with what both ends report of snapshots."""

    def __init__(
        self,
        wanted: CopyRecord,
        live: SnapshotState,
        gets: SnapshotReader,
        context: JobContext,
        retrier: Retrier,
    ) -> None:
        """Take the copy that is wanted.

        Args:
            wanted: Its record, without a parent.
            live: What EC2 reports of the snapshot to copy.
            gets: Its end.
            context: The copy's end.
            retrier: For calls at the snapshot's end.
        """
        self._wanted = wanted
        self._live = live
        self._snapshot_id = wanted.source.snapshot_id
        self._block_count = wanted.source.volume_size_gib * BLOCKS_PER_GIB
        self._gets = gets
        self._context = context
        self._retrier = retrier
        self._target_retrier = context.retrier(self._snapshot_id)

    async def lineage(self, records: CopyRecords) -> Lineage:
        """Return the copy with the parent that it was started with, or else with the best there is.

        Raises:
            AnswerError: what an end answers cannot be true.
            BulkputError: an end does not answer.
        """
        wanted, workers = self._wanted, self._context.workers
        started = await workers.run(partial(records.of, wanted))
        if started is not None and started.copy_id is None and _same_wish(started, wanted):
            if started.parent_copy_id is None:
                return Lineage(started)
            if await self._has_parent(started.parent_copy_id):
                assert started.parent_source_id is not None  # noqa: S101 - they are kept together
                return Lineage(started, await self._changes(started.parent_source_id))
        earlier = await workers.run(partial(records.before, wanted))
        for each in earlier[:_TRIED_MAX]:
            assert each.copy_id is not None  # noqa: S101 - finished ones only
            older_id = each.source.snapshot_id
            if not await self._has_parent(each.copy_id):
                continue
            changes = await self._changes(older_id)
            if changes is not None:
                record = replace(wanted, parent_source_id=older_id, parent_copy_id=each.copy_id)
                text = f"copies only what changed since {older_id}, copied as {each.copy_id}"
                self._context.observer.on_event(Noted(self._snapshot_id, text))
                return Lineage(record, changes)
        return Lineage(wanted)

    async def _has_parent(self, copy_id: str) -> bool:
        """Return whether an earlier copy is still there, and its manifest."""
        await fetch_manifest(self._context, copy_id)  # another host may have made the copy
        path = manifest_path(self._context.state_dir, copy_id)
        if not await self._context.workers.run(path.exists):
            return False
        target = self._context.snapshots(self._target_retrier, self._snapshot_id)
        found = await target.describe(copy_id)
        return found is not None and found.state == "completed"

    async def _changes(self, older_id: str) -> Changes | None:
        """Return what differs from an older snapshot; None if it is gone, or no relation."""
        older = await self._gets.snapshots(self._retrier, self._snapshot_id).describe(older_id)
        if older is None or older.state != "completed":
            return None
        changed = ListedBlocks(self._block_count)
        try:
            await self._gets.read_changes(
                older_id,
                self._snapshot_id,
                self._retrier,
                self._snapshot_id,
                take=lambda items: changed.add([block.index for block in items]),
                check=change_check(self._snapshot_id, older, self._live),
            )
        except ServiceError as error:
            if error.failure not in _UNRELATED:
                raise
            return None
        await self._context.workers.run(partial(self._require_changes, older_id, changed))
        return Changes(changed, self._block_count)

    def _require_changes(self, older_id: str, changed: ListedBlocks) -> None:
        """Blocks."""
        source, state_dir = self._wanted.source, self._context.state_dir
        endpoint = source.endpoint_url or "aws"
        with ExitStack() as stack:
            first, second = (
                find_manifest(state_dir, each, region=source.region, endpoint=endpoint)
                for each in (older_id, self._snapshot_id)
            )
            for manifest in (first, second):
                if manifest is not None:
                    stack.callback(manifest.close)
            require_changes(first, second, changed)
