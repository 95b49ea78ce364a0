"""A series of snapshots of one disk: which completed one the next increment builds on.

``series/NAME-KEY/series.json`` in the state folder: a JSON object with a SHA-256 of itself, always
replaced as a whole. Beside it lies a lock, held by the one process that makes the next snapshot.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bulkput.ledger.closing import Closing
from bulkput.ledger.folder import ensure_folder, volume_folder
from bulkput.ledger.header_schema import (
    FACTS,
    Fact,
    canonical_json,
    check_facts,
    check_names,
    is_integer,
    is_text,
    parse_facts,
    require_version,
)
from bulkput.ledger.lock import FolderLock
from bulkput.ledger.state_file import opened_folder, read_state_file, replace_file
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import LedgerError

_FILE_NAME = "series.json"
_FOLDER_NAME = "series"
_FORMAT_VERSION = 1
_FILE_MAX_BYTES = 1 << 16
"""Some ten times the largest file written."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The last completed snapshot of a series."""

    name: str
    """Of the series."""
    region: str
    endpoint_url: str | None
    snapshot_id: str
    number: int
    """1 for the first snapshot of the series."""
    created_unix_s: float
    """When it was completed."""
    program_version: str
    format_version: int = _FORMAT_VERSION

    def __post_init__(self) -> None:
        """Refuse facts that cannot be.

        Raises:
            ValueError: names the field and what was expected.
        """
        check_facts(self, _FACTS)


_FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        **FACTS,
        "name": (is_text(1, 255), "a name"),
        "number": (is_integer(1, 10**9), "a count from 1"),
        "format_version": (lambda value: value == _FORMAT_VERSION, str(_FORMAT_VERSION)),
    }
)


def series_folder(state_dir: Path, name: str, *, endpoint_url: str | None, region: str) -> Path:
    """Return where the state of a series lies; nothing is created."""
    return volume_folder(state_dir / _FOLDER_NAME, name, (name, endpoint_url or "aws", region))


def series_path(state_dir: Path, name: str, *, endpoint_url: str | None, region: str) -> Path:
    """Return the file that says which snapshot is the last one; nothing is created."""
    folder = series_folder(state_dir, name, endpoint_url=endpoint_url, region=region)
    return folder / _FILE_NAME


def read_generation(folder: Path) -> Generation | None:
    """Return the last snapshot of the series in ``folder``; None before the first.

    Raises:
        LedgerError: the file is damaged, of another version, or cannot be read.
    """
    path = folder / _FILE_NAME
    try:
        with opened_folder(folder.parent):  # which sees to the state folder above it
            content = read_state_file(path, _FILE_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(path, "read the series", error) from error
    try:
        return decode_generation(content)
    except ValueError as error:
        what = f"{error}. To start the series again with a full snapshot, remove this file"
        raise LedgerError(path, what) from None


def decode_generation(content: bytes) -> Generation:
    """Return the last snapshot of a series that ``content`` names.

    Raises:
        OtherVersionError: it is of another version.
        ValueError: it is damaged.
    """
    facts = parse_facts(content)
    require_version(facts.get("format_version"), _FORMAT_VERSION)
    checksum = facts.pop("checksum", None)
    check_names(facts, Generation)
    if checksum != _checksum(facts):
        raise ValueError("the checksum does not match: the file is damaged or was edited")
    return Generation(**facts)


def find_generation(
    state_dir: Path, name: str, *, endpoint_url: str | None, region: str | None
) -> Generation | None:
    """Return the last snapshot of a series, without holding it; None before the first.

    Where the Region is not known, the newest of that name and endpoint counts.

    Raises:
        LedgerError: the file is damaged, of another version, or cannot be read.
    """
    if region is not None:
        return read_generation(
            series_folder(state_dir, name, endpoint_url=endpoint_url, region=region)
        )
    found = [
        generation
        for folder in (state_dir / _FOLDER_NAME).glob(f"{name}-*")
        if (generation := read_generation(folder)) is not None
        and (generation.name, generation.endpoint_url) == (name, endpoint_url)
    ]
    return max(found, key=lambda each: each.created_unix_s, default=None)


def known_series(state_dir: Path) -> list[str]:
    """Return the names of all series in a state folder.

    Raises:
        LedgerError: one is damaged, of another version, or cannot be read.
    """
    found = map(read_generation, (state_dir / _FOLDER_NAME).glob("*"))
    return sorted({generation.name for generation in found if generation is not None})


def _checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(facts)).hexdigest()


class Series(Closing):
    """A series at work; nobody else makes its next snapshot until the context ends.

    Raises:
        LedgerError: another process works on it, or its state cannot be read.
        TemporaryError: the disk is full.
    """

    def __init__(
        self, state_dir: Path, name: str, *, endpoint_url: str | None, region: str
    ) -> None:
        self.name = name
        self._endpoint_url = endpoint_url
        self._region = region
        self._folder = series_folder(state_dir, name, endpoint_url=endpoint_url, region=region)
        ensure_folder(self._folder.parent)
        ensure_folder(self._folder)
        self._lock = FolderLock(self._folder)
        try:
            self.last = read_generation(self._folder)
            """None before the first snapshot."""
        except BaseException:
            self._lock.close()
            raise

    def advance(
        self,
        snapshot_id: str,
        *,
        parent_snapshot_id: str | None,
        begun_unix_s: float,
        now_unix_s: float,
        program_version: str,
    ) -> bool:
        """Build on this snapshot from now on, durably; a repeated call is harmless.

        Args:
            snapshot_id: Completed.
            parent_snapshot_id: Its own parent.
            begun_unix_s: When it was started.
            now_unix_s: When it was completed.
            program_version: Ours.

        Returns:
            Whether the series goes on from it: not if another snapshot was added since it was
            begun, which it does not build on and would put out of the series.

        Raises:
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        last = self.last
        if last is not None and last.snapshot_id == snapshot_id:
            return True
        if (
            last is not None
            and parent_snapshot_id != last.snapshot_id
            and begun_unix_s < last.created_unix_s
        ):
            return False
        following = Generation(
            name=self.name,
            region=self._region,
            endpoint_url=self._endpoint_url,
            snapshot_id=snapshot_id,
            number=1 if last is None else last.number + 1,
            created_unix_s=now_unix_s,
            program_version=program_version,
        )
        facts = asdict(following)
        content = canonical_json({"checksum": _checksum(facts)} | facts)
        replace_file(self._folder / _FILE_NAME, content + b"\n")
        self.last = following
        return True

    def close(self) -> None:
        """Let others in; idempotent."""
        self._lock.close()
