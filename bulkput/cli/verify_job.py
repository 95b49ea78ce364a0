"""``bulkput verify JOB``: the snapshots of a job's volumes, each compared with its source.

Owns which snapshot belongs to which volume, and the result of several. What comparing one is, is
its caller's.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkput.api.status import JobStatus, record_of, status_of_job
from bulkput.cli.failure import gravest
from bulkput.cli.known_jobs import known_jobs
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.config.paths import STANDARD_INPUT
from bulkput.ledger.folder import default_state_dir
from bulkput.model.errors import BulkputError, LedgerError
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.api.public import VerifyOutcome
    from bulkput.cli.options import Invocation
    from bulkput.config.settings import JobSettings
    from bulkput.config.volume import VolumeSettings


@dataclass(frozen=True)
class VolumeTask:
    """One volume to compare."""

    settings: "JobSettings"
    """The job's."""
    snapshot_id: str
    volume: "VolumeSettings | None"
    """None if its source is not there: its manifest is compared with."""


Compare = Callable[[VolumeTask], "VerifyOutcome"]


def verify_job(settings: "JobSettings", compare: Compare, invocation: "Invocation") -> int:
    """Compare the volumes of a job one after the other, and write the result.

    Returns:
        The exit code: that of the gravest failure.

    Raises:
        LedgerError: the job was never run.
    """
    request = settings.request
    assert request is not None  # noqa: S101 - of a file
    folder = settings.state_dir or default_state_dir(os.environ)
    record = record_of(folder, request.identity)
    if record is None:
        raise LedgerError(folder, f"no run of {request.identity.file} has left anything here")
    further = known_jobs(settings, folder, invocation).further
    snapshots = _snapshots(status_of_job(folder, record, further))
    results = [
        _compared(settings, volume, snapshots.get(volume.label), compare, invocation)
        for volume in settings.volumes
    ]
    status = gravest(each["exit_code"] for each in results if each["exit_code"])
    failed = [each["volume"] for each in results if each["exit_code"]]
    error = f"{len(failed)} of {len(results)} volumes: {', '.join(failed)}" if failed else None
    if invocation.output is OutputForm.JSON:
        whole = {"job": request.identity.name, "job_id": request.identity.job_id}
        write_result(as_json({**whole, "volumes": results, "error": error, "exit_code": status}))
    else:
        write_result("".join(f"{_line(each)}\n" for each in results))
    if error is not None:
        write_message(f"bulkput: error: {shown(error)}")
    return status


def _snapshots(job: JobStatus) -> dict[str, str]:
    """Return the completed snapshot of each volume that has one."""
    return {
        volume.volume: volume.snapshot_id
        for volume in job.volumes
        if volume.snapshot_id is not None and volume.status in {"completed", "pending"}
    }


def _compared(
    settings: "JobSettings",
    volume: "VolumeSettings",
    snapshot_id: str | None,
    compare: Compare,
    invocation: "Invocation",
) -> dict[str, Any]:
    facts: dict[str, Any] = {"volume": volume.label, "snapshot_id": snapshot_id}
    try:
        if snapshot_id is None:
            raise LedgerError(Path(volume.source.shown), "has no completed snapshot yet")
        path = volume.source.path
        is_there = path != STANDARD_INPUT and (not isinstance(path, Path) or path.exists())
        outcome = compare(VolumeTask(settings, snapshot_id, volume if is_there else None))
    except BulkputError as error:
        return facts | {"status": "failed", "error": str(error), "exit_code": int(error.status)}
    if not invocation.quiet:
        for note in outcome.notes:
            write_message_line(f"{volume.label}: {note}")
    return facts | outcome.as_dict()


def _line(result: dict[str, Any]) -> str:
    what = result["error"] or "equal to " + " and ".join(result["compared_with"])
    return "\t".join(
        (result["volume"], result["snapshot_id"] or "-", result["status"], shown(what))
    )
