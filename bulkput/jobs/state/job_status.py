"""How far a job is, by its record and the ledgers of its volumes: in this process or another.

Reads only, takes no lock and asks no service.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from bulkput.jobs.state.job_record import JobRecord, VolumeRecord
from bulkput.jobs.state.running import running_jobs
from bulkput.jobs.state.uploads import Unfinished, read_upload
from bulkput.ledger.header import LedgerHeader, LedgerPhase

DONE = frozenset({"completed", "pending"})


class VolumeStatus(NamedTuple):
    """One volume of a job."""

    volume: str
    source: str
    status: str
    """``completed``, ``pending`` (sealed, not waited for), ``running``, ``interrupted``,
    ``failed``, ``stopped``, ``not-started`` or ``waiting``."""
    done_fraction: float
    """Of its blocks."""
    snapshot_id: str | None
    error: str | None
    held_by: int | None
    """The process that works on it."""
    held_on: str | None = None
    """Its host, where a state store says it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "volume": self.volume,
            "source": self.source,
            "status": self.status,
            "percent": round(100 * self.done_fraction, 1),
            "snapshot_id": self.snapshot_id,
            "error": self.error,
            "held_by": self.held_by,
            "held_on": self.held_on,
        }


class JobStatus(NamedTuple):
    """A job, and its volumes in the order of their names."""

    record: JobRecord
    volumes: Sequence[VolumeStatus]
    is_running: bool = False
    """A process of this host runs it, though it may be between two volumes."""

    @property
    def counts(self) -> dict[str, int]:
        """Volumes by their status."""
        return dict(Counter(volume.status for volume in self.volumes))

    @property
    def done_count(self) -> int:
        """Volumes of which nothing is left to do."""
        return sum(volume.status in DONE for volume in self.volumes)

    @property
    def status(self) -> str:
        """In one word: ``completed``, ``running``, ``failed`` or ``interrupted``."""
        statuses = {volume.status for volume in self.volumes}
        if statuses <= DONE:
            return "completed"
        if self.is_running:
            return "running"
        return next((word for word in ("running", "failed") if word in statuses), "interrupted")

    def as_dict(self, now_unix_s: float) -> dict[str, Any]:
        """Return the documented JSON object."""
        record = self.record
        return {
            "job": record.name,
            "job_id": record.job_id,
            "file": record.file,
            "status": self.status,
            "reported": record.delivered,
            "age_s": round(now_unix_s - record.begun_unix_s, 3),
            "counts": self.counts,
            "volumes": [volume.as_dict() for volume in self.volumes],
        }


def status_of_job(
    state_dir: Path, record: JobRecord, stored: Mapping[str, Unfinished] = MappingProxyType({})
) -> JobStatus:
    """Return how far a job is.

    Args:
        state_dir: The state folder.
        record: Of the job.
        stored: What a state store has of its volumes, by the names of their folders, where that
            says more than what is here.

    Raises:
        LedgerError: the state folder cannot be read.
    """
    volumes = [
        _volume_status(each, record, stored.get(name) or read_upload(state_dir / name))
        for name, each in record.volumes.items()
    ]
    is_running = record.job_id in running_jobs(state_dir)
    return JobStatus(record, sorted(volumes, key=lambda volume: volume.volume), is_running)


def _volume_status(
    volume: VolumeRecord, record: JobRecord, upload: Unfinished | None
) -> VolumeStatus:
    header = None if upload is None else upload.entry.header
    holder = None if upload is None else upload.holder
    status = "running" if holder is not None else _resting(volume, record, header)
    in_round = status not in {"waiting", "not-started"}
    fraction = 1.0 if status in DONE else 0.0
    if in_round and fraction == 0 and upload is not None:
        fraction = upload.settled_fraction
    snapshot_id = volume.snapshot_id
    if header is not None and in_round:
        snapshot_id = header.snapshot_id
    return VolumeStatus(
        volume=volume.volume,
        source=volume.source,
        status=status,
        done_fraction=fraction,
        snapshot_id=snapshot_id,
        error=None if status in {*DONE, "running"} else volume.error,
        held_by=None if holder is None else holder.process_id,
        held_on=None if holder is None else holder.host,
    )


def _resting(volume: VolumeRecord, record: JobRecord, header: LedgerHeader | None) -> str:
    """Return the status of a volume on which nobody works."""
    if header is not None and (record.delivered or not header.delivered):
        if header.phase is LedgerPhase.COMPLETED:
            return "completed"
        if header.phase is LedgerPhase.SEALING:
            return "pending"
        if not volume.exit_code:
            return "interrupted"
    return volume.status
