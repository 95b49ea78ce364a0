"""The copy's parent: an earlier copy of a snapshot that this one goes back to.

What differs between the two snapshots the service tells (ListChangedBlocks), and what does not is
in the parent's copy already: it is neither got nor put.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from bulkput.jobs.copy.history import CopyRecord, CopyRecords
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.ledger.manifest import manifest_path
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.model.errors import ServiceError
from bulkput.model.events import Noted
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier

_TRIED_MAX = 5
"""Copies that are asked about; each costs a few calls at both ends."""

_UNRELATED = frozenset({FailureClass.INVALID, FailureClass.GONE, FailureClass.NOT_YET_VISIBLE})


@dataclass(frozen=True)
class Changes:
    """Which blocks of a snapshot are not as in an older one."""

    changed: npt.NDArray[np.bool_]
    """Of every block of the volume: at most 128 MiB, for 64 TiB."""

    def unchanged(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Return which blocks are the same in both; none behind the newer one's end."""
        found = np.zeros(stop - start, dtype=np.bool_)
        known = ~self.changed[start:stop]
        found[: len(known)] = known
        return found


@dataclass(frozen=True)
class Lineage:
    """The record of a copy about to be made, and what is known of its difference to the parent."""

    record: CopyRecord
    changes: Changes | None = None
    """None of a full copy, and where the two snapshots cannot be compared any more."""


async def find_lineage(
    wanted: CopyRecord,
    records: CopyRecords,
    gets: SnapshotReader,
    context: JobContext,
    retrier: Retrier,
) -> Lineage:
    """Return the copy with the parent that it was begun with, or else with the best there is.

    Raises:
        BulkputError: an end does not answer.
    """
    search = _Search(wanted, gets, context, retrier)
    begun = await context.workers.run(partial(records.of, wanted))
    if begun is not None and begun.copy_id is None and _same_wish(begun, wanted):
        if begun.parent_copy_id is None:
            return Lineage(begun)
        if await search.has_parent(begun.parent_copy_id):
            assert begun.parent_source_id is not None  # noqa: S101 - they are kept together
            return Lineage(begun, await search.changes(begun.parent_source_id))
    earlier = await context.workers.run(partial(records.before, wanted))
    for each in earlier[:_TRIED_MAX]:
        assert each.copy_id is not None  # noqa: S101 - finished ones only
        older_id = each.source.snapshot_id
        if not await search.has_parent(each.copy_id) or not await search.is_there(older_id):
            continue
        changes = await search.changes(older_id)
        if changes is not None:
            record = replace(wanted, parent_source_id=older_id, parent_copy_id=each.copy_id)
            search.note(f"copies only what changed since {older_id}, copied as {each.copy_id}")
            return Lineage(record, changes)
    return Lineage(wanted)


def _same_wish(begun: CopyRecord, wanted: CopyRecord) -> bool:
    """Return whether a copy that was begun is the one that is wanted, whatever its parent."""
    unbound = replace(begun, parent_source_id=None, parent_copy_id=None, copy_id=None)
    return unbound == wanted


class _Search:
    """What both ends say of snapshots."""

    def __init__(
        self, wanted: CopyRecord, gets: SnapshotReader, context: JobContext, retrier: Retrier
    ) -> None:
        self._snapshot_id = wanted.source.snapshot_id
        self._block_count = wanted.source.volume_size_gib * BLOCKS_PER_GIB
        self._gets = gets
        self._context = context
        self._retrier = retrier
        self._target_retrier = context.retrier(self._snapshot_id)

    def note(self, text: str) -> None:
        """Tell the user."""
        self._context.observer.on_event(Noted(self._snapshot_id, text))

    async def has_parent(self, copy_id: str) -> bool:
        """Return whether an earlier copy is still there, and its manifest."""
        path = manifest_path(self._context.state_dir, copy_id)
        if not await self._context.workers.run(path.exists):
            return False
        call = partial(self._context.service.control.describe_snapshot, copy_id)
        found = await self._target_retrier.run(call, self._context.on_call_retry(self._snapshot_id))
        return found is not None and found.state == "completed"

    async def is_there(self, snapshot_id: str) -> bool:
        """Return whether a snapshot beside the source is still there."""
        call = partial(self._gets.service.control.describe_snapshot, snapshot_id)
        found = await self._retrier.run(call, self._gets.on_call_retry(self._snapshot_id))
        return found is not None and found.state == "completed"

    async def changes(self, older_id: str) -> Changes | None:
        """Return what differs from an older snapshot; None if the two are not related."""
        changed = np.zeros(self._block_count, dtype=np.bool_)
        pages = self._gets.changed_pages(
            older_id, self._snapshot_id, self._retrier, self._snapshot_id
        )
        try:
            async for page in pages:
                indexes = np.array([block.index for block in page.items], dtype=np.int64)
                changed[indexes[indexes < self._block_count]] = True
        except ServiceError as error:
            if error.failure not in _UNRELATED:
                raise
            return None
        finally:
            await pages.aclose()
        return Changes(changed)
