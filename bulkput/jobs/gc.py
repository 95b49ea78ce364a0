"""Pending snapshots whose ledger is lost: found by their tag, checked for a lease, deleted."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from bulkput.ebs.snapshot import FoundSnapshot
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY, folder_name, is_alive, is_from
from bulkput.jobs.state.uploads import Entry, read_entries
from bulkput.model.errors import BulkputError


class OrphanStatus(StrEnum):
    """What a pending snapshot is to this state folder."""

    ORPHAN = "orphan"
    """No ledger knows it."""
    YOUNG = "young"
    """The same, but it was started too recently for the user's taste."""
    ELSEWHERE = "elsewhere"
    """Its ledger is in another folder or on another machine, if it is anywhere."""
    AT_WORK = "at-work"
    """An upload renewed its lease a short while ago, wherever it runs."""
    COMPLETED = "completed"
    """Somebody completed it after it was found: it is kept."""
    DELETED = "deleted"
    FAILED = "failed"
    """It could not be deleted."""


@dataclass(frozen=True)
class Orphan:
    """One snapshot that no ledger in the state folder knows."""

    snapshot_id: str
    status: OrphanStatus
    place: str
    """The mark: where the ledger was when the snapshot was started."""
    start_unix_s: float
    volume_size_gib: int
    error: BulkputError | None = None

    def as_dict(self, now_unix_s: float) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "snapshot_id": self.snapshot_id,
            "finding": str(self.status),
            "place": self.place,
            "start_unix_s": self.start_unix_s,
            "age_s": round(now_unix_s - self.start_unix_s, 3),
            "volume_size_gib": self.volume_size_gib,
            "error": None if self.error is None else str(self.error),
        }


def find_orphans(
    found: Iterable[FoundSnapshot],
    entries: Sequence[Entry],
    state_dir: Path,
    *,
    elsewhere: bool,
    started_before_unix_s: float,
    now_unix_s: float,
    store: str | None = None,
) -> list[Orphan]:
    """Return the snapshots that no ledger knows, oldest first. Pure but for the machine's name.

    A ledger without a snapshot may be the one of a start whose answer was lost, and one that
    cannot be read may be of any: what their folders started is left alone.

    Args:
        found: Pending, with the owner tag.
        entries: All of the state folder, read after EC2 was asked: a ledger is written before its
            snapshot is started, so none that is at work can be missing.
        state_dir: The folder itself.
        elsewhere: Take also what was started from other folders and machines.
        started_before_unix_s: What is younger is left alone.
        now_unix_s: For leases, which hold whatever else the user asks for.
        store: The state store's address, if its ledgers are among ``entries``: then what any host
            of it has started counts as from here.
    """
    known = {entry.snapshot_id for entry in entries}
    undecided = {entry.folder.name for entry in entries if entry.snapshot_id is None}
    orphans = []
    for each in found:
        mark = each.tags.get(OWNER_TAG_KEY, "")
        if each.snapshot_id in known or folder_name(mark) in undecided:
            continue
        status = OrphanStatus.ORPHAN
        if each.state.start_unix_s > started_before_unix_s:
            status = OrphanStatus.YOUNG
        if not elsewhere and not is_from(mark, state_dir, store):
            status = OrphanStatus.ELSEWHERE
        if is_alive(mark, now_unix_s):
            status = OrphanStatus.AT_WORK
        orphans.append(
            Orphan(
                each.snapshot_id,
                status,
                mark,
                each.state.start_unix_s,
                each.state.volume_size_gib,
            )
        )
    return sorted(orphans, key=lambda orphan: (orphan.start_unix_s, orphan.snapshot_id))


@dataclass(frozen=True)
class SharedLedgers:
    """The ledgers of a state store."""

    store: str
    """Its address."""
    read: Callable[[], Awaitable[Sequence[Entry]]]


async def collect(
    snapshots: Snapshots,
    state_dir: Path,
    *,
    elsewhere: bool,
    older_than_s: float,
    delete: bool,
    shared: SharedLedgers | None = None,
) -> list[Orphan]:
    """Find the orphans and, if ``delete``, delete them.

    Args:
        snapshots: The account's.
        state_dir: The state folder.
        elsewhere: Take also what was started from other folders and machines.
        older_than_s: What is younger is left alone.
        delete: Delete them.
        shared: The ledgers of all hosts that have a store in common.

    Returns:
        All pending snapshots that no ledger knows, with what was done; a failed deletion stops
        none of the others.

    Raises:
        BulkputError: they could not be looked for.
    """
    found = await snapshots.list_pending_tagged()
    now_unix_s = snapshots.now_unix_s()
    entries = read_entries(state_dir)
    if shared is not None:
        entries += await shared.read()
    orphans = find_orphans(
        found,
        entries,
        state_dir,
        elsewhere=elsewhere,
        started_before_unix_s=now_unix_s - older_than_s,
        now_unix_s=now_unix_s,
        store=None if shared is None else shared.store,
    )
    if not delete:
        return orphans
    return [
        await _delete(snapshots, orphan) if orphan.status is OrphanStatus.ORPHAN else orphan
        for orphan in orphans
    ]


async def _delete(snapshots: Snapshots, orphan: Orphan) -> Orphan:
    try:
        live = await snapshots.describe(orphan.snapshot_id)
        if live is not None and live.state == "completed":
            return replace(orphan, status=OrphanStatus.COMPLETED)
        if await _is_at_work(snapshots, orphan):
            return replace(orphan, status=OrphanStatus.AT_WORK)
        await snapshots.delete(orphan.snapshot_id)
    except BulkputError as error:
        return replace(orphan, status=OrphanStatus.FAILED, error=error)
    return replace(orphan, status=OrphanStatus.DELETED)


async def _is_at_work(snapshots: Snapshots, orphan: Orphan) -> bool:
    """Look once more: deleting a hundred takes minutes, and an upload may have gone on since."""
    marks = [
        each.tags.get(OWNER_TAG_KEY, "")
        for each in await snapshots.list_pending_tagged()
        if each.snapshot_id == orphan.snapshot_id
    ]
    return any(is_alive(mark, snapshots.now_unix_s()) for mark in marks)
