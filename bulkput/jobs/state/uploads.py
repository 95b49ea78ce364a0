"""The ledgers in a state folder, sound or damaged, and how a user names one of them.

Reads only and takes no lock. Asks no service.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bulkput.jobs.state.running import RunningVolume, read_running
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import has_ledger, read_header
from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.lock import Holder, holder_of, runs_of
from bulkput.ledger.marks import Counts
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import BulkputError, LedgerError

_FOLDER_NAME = re.compile(r"(.+)-[0-9a-f]{12}")


class Entry(NamedTuple):
    """One volume's folder."""

    folder: Path
    header: LedgerHeader | None
    """None if it cannot be read; ``problem`` has the reason."""
    problem: str | None = None

    @property
    def volume(self) -> str:
        """The volume's name, which the folder's begins with."""
        match = _FOLDER_NAME.fullmatch(self.folder.name)
        return self.folder.name if match is None else match[1]

    @property
    def snapshot_id(self) -> str | None:
        """The snapshot, where it is known."""
        return None if self.header is None else self.header.snapshot_id

    @property
    def is_completed(self) -> bool:
        """Whether nothing is left to do, and the user knows."""
        header = self.header
        return header is not None and header.phase is LedgerPhase.COMPLETED and header.delivered


class Unfinished(NamedTuple):
    """An upload that has not come to its end."""

    entry: Entry
    counts: Counts | None
    """None before the start, and where the ledger is damaged."""
    holder: Holder | None
    """Who works on it now."""
    problem: str | None
    runs: int = 0
    """How many have worked on it since it was begun, the one that works on it now among them."""
    running: RunningVolume | None = None
    """How fast the process is that works on it, if that is known."""

    @property
    def settled_fraction(self) -> float:
        """The share of blocks that are acknowledged or left out; holes count when it is sealed."""
        header, counts = self.entry.header, self.counts
        if header is None or counts is None:
            return 0.0
        if header.phase in {LedgerPhase.SEALING, LedgerPhase.COMPLETED}:
            return 1.0
        settled = counts.acknowledged + counts.skipped_zero + counts.unchanged
        return settled / header.block_count

    def as_dict(self, now_unix_s: float) -> dict[str, Any]:
        """Return the documented JSON object."""
        header = self.entry.header
        facts: dict[str, Any] = {
            "volume": self.entry.volume,
            "folder": str(self.entry.folder),
            "snapshot_id": self.entry.snapshot_id,
            "held": self.holder is not None,
            "held_by": None if self.holder is None else self.holder.process_id,
            "problem": self.problem,
        }
        if header is None:
            return facts | {"phase": "damaged"}
        return facts | {
            "phase": str(header.phase),
            "source": header.source_path,
            "attempt": max(1, self.runs),
            "snapshot_attempt": header.attempt,
            "running": None if self.running is None else self.running.as_dict(),
            "percent": round(100 * self.settled_fraction, 1),
            "blocks": None if self.counts is None else self.counts._asdict(),
            "block_count": header.block_count,
            "volume_size_gib": header.volume_size_gib,
            "region": header.region,
            "endpoint_url": header.endpoint_url,
            "age_s": round(now_unix_s - header.created_unix_s, 3),
            "created_unix_s": header.created_unix_s,
            "updated_unix_s": header.updated_unix_s,
        }


def read_entries(state_dir: Path) -> list[Entry]:
    """Return what lies in ``state_dir``, by name; a folder that is missing holds nothing.

    Raises:
        LedgerError: the folder cannot be read.
    """
    try:
        folders = sorted(path for path in state_dir.iterdir() if path.is_dir())
        return [entry for folder in folders if (entry := _read(folder)) is not None]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(state_dir, "read the state folder", error) from error


def _read(folder: Path) -> Entry | None:
    """Return a volume's folder; None for one that no upload has written to."""
    try:
        if has_ledger(folder):
            return Entry(folder, read_header(folder))
        if _FOLDER_NAME.fullmatch(folder.name) and (folder / TABLE_NAME).exists():
            return Entry(folder, None, f"{folder}: its ledger.json is missing")
    except LedgerError as error:
        return Entry(folder, None, str(error))
    except OSError as error:
        return Entry(folder, None, str(storage_error(folder, "read the ledger", error)))
    return None


def read_unfinished(state_dir: Path) -> list[Unfinished]:
    """Return the uploads that have not come to their end, damaged ones among them.

    Raises:
        LedgerError: the folder cannot be read.
    """
    running = read_running(state_dir)
    found = [_measured(entry) for entry in read_entries(state_dir) if not entry.is_completed]
    return [_with_figures(each, running) for each in found]


def _with_figures(
    upload: Unfinished, running: Mapping[tuple[int, str], RunningVolume]
) -> Unfinished:
    """Return an upload with what its process keeps of itself, if one works on it."""
    holder, snapshot_id = upload.holder, upload.entry.snapshot_id
    if holder is None or holder.process_id is None or snapshot_id is None:
        return upload
    return upload._replace(running=running.get((holder.process_id, snapshot_id)))


def read_upload(folder: Path) -> Unfinished | None:
    """Return the upload in ``folder``: a finished one without counts; None if there is none.

    Raises:
        LedgerError: the folder cannot be read.
    """
    if not folder.is_dir():
        return None
    entry = _read(folder)
    if entry is None:
        return None
    done = entry.header is not None and entry.header.phase in _ALL_PUT
    return Unfinished(entry, None, None, entry.problem) if done else _measured(entry)


_ALL_PUT = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})


def _measured(entry: Entry) -> Unfinished:
    counts, holder, problem, runs = None, None, entry.problem, 0
    try:
        holder, runs = holder_of(entry.folder), runs_of(entry.folder)
        if entry.snapshot_id is not None:
            with Ledger.view(entry.folder) as ledger:
                # Another process may have begun a new attempt since the entry was read.
                entry = Entry(entry.folder, ledger.header)
                counts = ledger.counts() if ledger.header.snapshot_id is not None else None
    except BulkputError as error:
        problem = str(error)
    return Unfinished(entry, counts, holder, problem, runs)


def locate(
    state_dir: Path, target: str, *, wanted: Callable[[Entry], bool] = lambda _: True
) -> Path:
    """Return the folder that ``target`` names: a path, a snapshot, a volume or a folder's name.

    Args:
        state_dir: Where the last three are looked for.
        target: As the user wrote it.
        wanted: Decides if a name fits several folders.

    Raises:
        LedgerError: it names nothing, or several folders.
    """
    given = Path(target)
    if _is_ledger(given):
        return given.resolve()
    found = [entry for entry in read_entries(state_dir) if target in _names(entry)]
    if len(found) > 1:
        found = [entry for entry in found if wanted(entry)] or found
    if not found:
        if len(given.parts) > 1:
            raise LedgerError(given, "there is no ledger here")
        raise LedgerError(state_dir, f"contains no upload named {target}")
    if len(found) > 1:
        folders = ", ".join(entry.folder.name for entry in found)
        raise LedgerError(state_dir, f"{target} matches several: {folders}. Name the folder")
    return found[0].folder


def _names(entry: Entry) -> set[str | None]:
    return {entry.volume, entry.folder.name, entry.snapshot_id}


def _is_ledger(path: Path) -> bool:
    try:
        return has_ledger(path)
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
