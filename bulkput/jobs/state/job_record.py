"""What is kept of a job between its runs: which round it is in, and what became of its volumes.

A round begins when the job is run anew, and ends when all of its volumes are done, its images made
and the result was delivered. In between, however often it is run, what is completed is reported and
not made again. One file a job, replaced whole. Knows no service and decides nothing.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bulkput.config.job_request import JobIdentity
from bulkput.ledger.brief_lock import brief_lock
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.ledger.header_schema import check_kinds, parse_facts
from bulkput.ledger.state_file import read_state_file, replace_file
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import LedgerError

FOLDER_NAME = "jobs"
FORMAT_VERSION = 1
_LOCK_NAME = "lock"
SIZE_MAX_BYTES = 64 << 20
"""100,000 volumes with 600 characters each."""
_NAME_CHARS_MAX = 64


@dataclass(frozen=True, kw_only=True)
class VolumeRecord:
    """One volume of a round."""

    volume: str
    """Its label."""
    source: str
    section: str
    """A digest of all in its section that makes another snapshot."""
    made_id: str | None = None
    """The snapshot that a run of this round has completed, as far as the next run has seen it."""
    made_section: str | None = None
    """What its section asked for."""
    status: str = "waiting"
    """As the last run's outcome has it, ``waiting`` before there is one."""
    snapshot_id: str | None = None
    error: str | None = None
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job's file in the state folder."""

    name: str
    job_id: str
    file: str
    date: str
    """``${date}`` of this round."""
    begun_unix_s: float
    updated_unix_s: float
    delivered: bool = False
    """The round is over: its result was written out. The next run begins another."""
    volumes: Mapping[str, VolumeRecord] = field(default_factory=dict)
    """By the names of the folders of their ledgers."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Status of each image by its name, as far as a run of this round has reported one."""

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {"format_version": FORMAT_VERSION, **asdict(self)}


def record_path(state_dir: Path, identity: JobIdentity) -> Path:
    """Return where the record of a job is; nothing is created."""
    readable = "".join(
        char if char.isascii() and (char.isalnum() or char in "._-") else "-"
        for char in identity.name[:_NAME_CHARS_MAX]
    ).strip("-.")
    return state_dir / FOLDER_NAME / f"{readable or 'job'}-{identity.job_id}.json"


@contextlib.contextmanager
def changing_records(state_dir: Path) -> Iterator[None]:
    """Lock the records: no other process changes one between its reading and writing. Blocks.

    Two runs of one job, each of other volumes of it, end at any time.

    Raises:
        LedgerError: the state folder cannot be used, or another process holds it for too long.
        TemporaryError: the disk is full.
    """
    _ensure_records(state_dir)
    with brief_lock(state_dir / FOLDER_NAME / _LOCK_NAME):
        yield


def _ensure_records(state_dir: Path) -> None:
    ensure_state_dir(state_dir)
    ensure_folder(state_dir / FOLDER_NAME)


def read_record(path: Path) -> JobRecord | None:
    """Return a job's record; None where it was never run.

    Raises:
        LedgerError: the file cannot be read, is another user's or a link, or is damaged or of
            another version.
    """
    try:
        content = read_state_file(path, SIZE_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(path, "read the job's record", error) from error
    record = decode_record(content)
    if record is None:
        raise LedgerError(
            path,
            "is damaged, or of another version. Remove it to begin the job anew: volumes that an "
            "earlier run completed and reported are then uploaded again",
        )
    return record


def decode_record(content: bytes) -> JobRecord | None:
    """Return the record that ``content`` holds; None if it is damaged or of another version."""
    try:
        facts = parse_facts(content)
        version = facts.pop("format_version")
        check_kinds(facts, JobRecord)
        volumes = {}
        for name, each in facts.pop("volumes").items():
            check_kinds(each, VolumeRecord)
            volumes[name] = VolumeRecord(**each)
        record = JobRecord(**facts, volumes=volumes)
        if not all(isinstance(each, str) for each in dict(record.images).values()):
            return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if version == FORMAT_VERSION else None


def write_record(path: Path, record: JobRecord) -> None:
    """Make ``record`` that of its job, durably; a crash leaves the old one or the new one.

    Only within ``changing_records``.

    Raises:
        LedgerError: the file cannot be written.
        TemporaryError: the disk is full.
    """
    _ensure_records(path.parent.parent)
    replace_file(path, (json.dumps(record.as_dict(), indent=1) + "\n").encode("ascii"))


def read_records(state_dir: Path) -> list[JobRecord]:
    """Return the records of all jobs, by name; damaged ones are left out.

    Raises:
        LedgerError: the folder cannot be read.
    """
    try:
        paths = sorted((state_dir / FOLDER_NAME).glob("*.json"))
    except OSError as error:
        raise storage_error(state_dir, "read the state folder", error) from error
    found = []
    for path in paths:
        try:
            record = read_record(path)
        except LedgerError:
            continue
        if record is not None:
            found.append(record)
    return found
