"""What became of one volume: the end of its story, as data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkput.model.errors import BulkputError

STOPPED = "stopped"
"""Not finished within the time that the job may take."""
PLANNED = "planned"
"""Only looked at."""
NOT_STARTED = "not-started"
"""Left to the next run."""


@dataclass(frozen=True)
class EarlierRun:
    """The run that sealed the snapshot, if it was not the one that reports it."""

    started_unix_s: float
    source_compared: str
    """How it is known that the source holds the same now: ``content`` (all of it was read and
    compared), ``identity`` (size, inode and times are the same, where those vouch for the content)
    or ``trusted`` (``resume: trust``)."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {"started_unix_s": self.started_unix_s, "source_compared": self.source_compared}


@dataclass(frozen=True)
class VolumeOutcome:
    """The result of one volume; ``as_dict`` is the JSON object that scripts read."""

    volume: str
    source: str
    status: str
    """``completed``, ``pending`` (not waited for), ``failed``, ``stopped`` or ``not-started``; of a
    plan ``planned``."""
    source_format: str | None = None
    """``raw``, or the format that was decoded; None of a source that was not opened."""
    snapshot_id: str | None = None
    parent_snapshot_id: str | None = None
    volume_size_gib: int | None = None
    checksum: str | None = None
    """Base64 LINEAR checksum over the blocks of this snapshot."""
    elapsed_s: float = 0.0
    upload_s: float = 0.0
    """The part of it in which blocks were put: neither the wait for EC2 nor the reading back."""
    blocks: dict[str, int] = field(default_factory=dict)
    """``total``, ``put``, ``resumed``, ``skipped_zero``, ``skipped_hole``, ``unchanged``."""
    puts: dict[str, int] = field(default_factory=dict)
    """``attempts``, ``retried``, ``throttled``."""
    host: str | None = None
    """Of a fleet's hosts the one that worked on it last: where ledger and manifest lie."""
    verified: str | None = None
    """``full`` or ``sample`` when so much was read back and compared, else None."""
    manifest: str | None = None
    """Path of the manifest, once the snapshot is completed."""
    earlier_run: EarlierRun | None = None
    """Of a snapshot that an earlier run sealed without delivering its result."""
    earlier_snapshots: tuple[str, ...] = ()
    """Other snapshots that earlier runs completed without delivering their results: they hold what
    the source was then, and are kept."""
    published: dict[str, Any] = field(default_factory=dict)
    """What was made of the completed snapshot: ``copies`` (id by Region), ``volume_id``,
    ``shared_with``, ``locked``, ``fast_restore`` (state by zone); of steps that are not asked for
    or not done, nothing."""
    notes: tuple[str, ...] = ()
    """What the user should know, a sentence each."""
    error: str | None = None
    exit_code: int = 0
    cause: BulkputError | None = field(default=None, repr=False, compare=False)
    """The error itself, for whoever wants to raise it; not from another process."""
    snapshot_phase: str = ""
    """How far the snapshot had come when a volume failed, as its ledger has it: ``uploading``,
    ``sealing``, ``completed`` or ``failed``; scripts do not need it."""
    ledger_folder: Path | None = None
    """Where the ledger lies, if it was opened; scripts do not need it."""

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process can be sent: an error may hold what cannot travel."""
        return {**self.__dict__, "cause": None}

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "volume": self.volume,
            "source": self.source,
            "source_format": self.source_format,
            "snapshot_id": self.snapshot_id,
            "status": self.status,
            "parent_snapshot_id": self.parent_snapshot_id,
            "volume_size_gib": self.volume_size_gib,
            "checksum": self.checksum,
            "elapsed_s": round(self.elapsed_s, 3),
            "blocks": dict(self.blocks),
            "puts": dict(self.puts),
            "host": self.host,
            "verified": self.verified,
            "manifest": self.manifest,
            "earlier_run": None if self.earlier_run is None else self.earlier_run.as_dict(),
            "earlier_snapshots": list(self.earlier_snapshots),
            "published": dict(self.published),
            "notes": list(self.notes),
            "error": self.error,
            "exit_code": self.exit_code,
        }
