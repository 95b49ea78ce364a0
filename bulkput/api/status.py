"""What the state folder records of jobs and of uploads that are unfinished. Asks no service."""

from pathlib import Path

from bulkput.config.job_request import JobIdentity
from bulkput.jobs.state.job_record import JobRecord, read_record, read_records, record_path
from bulkput.jobs.state.job_status import JobStatus, VolumeStatus, status_of_job
from bulkput.jobs.state.running import OwnRunFile
from bulkput.jobs.state.uploads import Unfinished, read_unfinished

__all__ = [
    "JobRecord",
    "JobStatus",
    "OwnRunFile",
    "Unfinished",
    "VolumeStatus",
    "read_records",
    "read_unfinished",
    "record_of",
    "status_of_job",
]


def record_of(state_dir: Path, identity: JobIdentity) -> JobRecord | None:
    """Return what was recorded of a job; None if no run of it has left anything.

    Raises:
        LedgerError: the record cannot be read.
    """
    return read_record(record_path(state_dir, identity))
