"""Giving an upload up: its pending snapshot is deleted, then its ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.config.service import ServiceSettings
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY, folder_name, is_from
from bulkput.ledger.closing import Closing
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import read_header
from bulkput.ledger.lock import FolderLock
from bulkput.ledger.mirror_record import may_be_mirrored
from bulkput.ledger.removal import remove_ledger
from bulkput.model.errors import SnapshotError
from bulkput.store.address import store_address

_DELETABLE = frozenset({"pending", "error"})


@dataclass(frozen=True)
class Aborted:
    """What was done."""

    folder: Path
    deleted_snapshot_ids: tuple[str, ...]
    """One; none if EC2 knew of none; more only where starts were interrupted."""
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "status": "aborted",
            "folder": str(self.folder),
            "deleted_snapshot_ids": list(self.deleted_snapshot_ids),
            "notes": list(self.notes),
            "error": None,
            "exit_code": 0,
        }


class Abort(Closing):
    """An upload to give up; nobody else works on it from construction until the context ends.

    Raises:
        LedgerError: another process works on it, or the ledger cannot be read.
        SnapshotError: its snapshot is completed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FolderLock(folder)
        try:
            self.header = _unfinished_header(folder)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let others in; idempotent."""
        self._lock.close()

    @property
    def question(self) -> str:
        """What to ask before it is carried out."""
        what = {
            LedgerPhase.STARTING: "the snapshot that may have been started",
            LedgerPhase.SEALING: f"{self.header.snapshot_id}, which is uploaded and sealed,",
        }.get(self.header.phase, f"{self.header.snapshot_id}")
        return f"Delete {what} and all state of {self.header.source_path}?"

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether a state store keeps it, so that another host may have gone on with it."""
        return may_be_mirrored(self.folder)

    def service(self, around: ServiceSettings) -> ServiceSettings:
        """Return where the snapshot is; http elsewhere was accepted when it was started.

        Args:
            around: Whose keys sign; everything else is in the ledger.
        """
        return around.model_copy(
            update={
                "region": self.header.region,
                "endpoint": self.header.endpoint_url or "aws",
                "allow_insecure_http": True,
                "state_dir": self.folder.parent,
            }
        )

    async def carry_out(self, snapshots: Snapshots, store: str | None) -> Aborted:
        """Delete the snapshot, then the ledger; repeating it after a failure is harmless.

        Args:
            snapshots: Where the snapshot is.
            store: The state store, if there is one, which a snapshot may be marked with.

        Raises:
            SnapshotError: the snapshot is completed; nothing was deleted.
            BulkputError: the service or the disk refused; the ledger is kept.
        """
        deleted, notes = [], []
        for snapshot_id in await self._snapshot_ids(snapshots, store):
            live = await snapshots.describe(snapshot_id)
            if live is None:
                notes.append(
                    f"EC2 does not know {snapshot_id} with these credentials: only its state was "
                    "removed"
                )
                continue
            if live.state not in _DELETABLE:
                raise _completed(snapshot_id, live.state)
            await snapshots.delete(snapshot_id)
            deleted.append(snapshot_id)
        if self.header.snapshot_id is None and not deleted:
            notes.append("no snapshot was found that this upload started")
        if not remove_ledger(self.folder):
            notes.append(f"{self.folder} is kept: it holds other files")
        return Aborted(self.folder, tuple(deleted), tuple(notes))

    async def _snapshot_ids(self, snapshots: Snapshots, store: str | None) -> list[str]:
        if self.header.snapshot_id is not None:
            return [self.header.snapshot_id]
        # StartSnapshot may have been answered to a process that died before it took note.
        address = None if store is None else store_address(store).shown
        marks = {
            each.snapshot_id: each.tags.get(OWNER_TAG_KEY, "")
            for each in await snapshots.list_pending_tagged()
        }
        return [
            snapshot_id
            for snapshot_id, mark in marks.items()
            if folder_name(mark) == self.folder.name and is_from(mark, self.folder.parent, address)
        ]


def _unfinished_header(folder: Path) -> LedgerHeader:
    header = read_header(folder)
    if header.snapshot_id is not None and header.phase is LedgerPhase.COMPLETED:
        raise _completed(header.snapshot_id)
    return header


def _completed(snapshot_id: str, state: str = "completed") -> SnapshotError:
    return SnapshotError(
        snapshot_id, f"is {state}: abort deletes nothing. Delete it in EC2 if it is not wanted"
    )
