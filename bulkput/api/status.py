"""What the state folder records of jobs and of uploads that are unfinished. Asks no service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bulkput.config.job_request import JobIdentity
from bulkput.jobs.state.job_record import JobRecord, read_record, read_records, record_path
from bulkput.jobs.state.job_status import JobStatus, VolumeStatus, status_of_job
from bulkput.jobs.state.running import OwnRunFile
from bulkput.jobs.state.uploads import Unfinished, read_unfinished

if TYPE_CHECKING:
    from bulkput.jobs.stored import StoredUpload

__all__ = [
    "JobRecord",
    "JobStatus",
    "KnownJobs",
    "OwnRunFile",
    "Unfinished",
    "VolumeStatus",
    "read_records",
    "read_unfinished",
    "record_of",
    "status_of_job",
]


@dataclass(frozen=True)
class KnownJobs:
    """Jobs and their uploads, of this host and, with a state store, of all of its hosts."""

    records: Sequence[JobRecord]
    """The newest of each job."""
    stored: "Sequence[StoredUpload]" = ()
    """All uploads in the store."""
    further: Mapping[str, Unfinished] = field(default_factory=dict)
    """Those in which the store is further than the state folder, by the names of their folders."""


def record_of(state_dir: Path, identity: JobIdentity) -> JobRecord | None:
    """Return what was recorded of a job; None if no run of it has left anything.

    Raises:
        LedgerError: the record cannot be read.
    """
    return read_record(record_path(state_dir, identity))
