"""``bulkput status``: how far a job is, by the state folder, and the state store if any."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import Choice, load_job, reference_options
from bulkput.cli.known_jobs import known_jobs
from bulkput.cli.options import PATH, invocation_of, shown_options, state_option, store_option
from bulkput.cli.service import service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.cli.words import jobs_and_files
from bulkput.model.duration import format_duration
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkput.api.status import JobRecord, JobStatus, Unfinished, VolumeStatus
    from bulkput.cli.options import Invocation


@click.command(cls=Command)
@click.argument("job", type=PATH, required=False, shell_complete=jobs_and_files)
@click.option(
    "--events",
    type=PATH,
    metavar="FILE",
    help="Read the file that --events of the run writes, such as one of another machine, instead "
    "of the state folder; - is standard input.",
)
@reference_options
@state_option
@store_option
@shown_options
@click.pass_context
def status(
    context: click.Context,
    /,
    job: Path | None,
    *,
    events: Path | None,
    variables: tuple[str, ...],
    allow_command: bool,
    state_dir: Path | None,
    state_store: str | None,
) -> None:
    """Show how far a job is.

    JOB is a job file, or a name or id that bulkput jobs lists. The job may be running in another
    process. With --events it may be left out: the last run in the file is shown.
    """
    from bulkput.api.status import status_of_job  # noqa: PLC0415 - the same
    from bulkput.cli.run_status import HEAD, show_events  # noqa: PLC0415 - not for --help

    overrides = {"state_dir": state_dir, "state_store": state_store}
    # What it brings now is not asked: its files may be gone, and its programs take their time. Nor
    # does the date of its round count, for which the store would be opened once more.
    choice = Choice(
        variables, allow_command, begin="fresh", takes_inventories=False, overrides=overrides
    )
    if events is not None:
        names = None if job is None else _names(job, choice, invocation_of(context))
        show_events(events, names, invocation_of(context))
        return
    if job is None:
        raise UsageError("Missing argument 'JOB'.")
    folder, record, further = _find_record(job, choice, invocation_of(context))
    found = status_of_job(folder, record, further)
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(found.as_dict(time.time())))
        return
    write_result(table(HEAD, [_row(volume) for volume in found.volumes]))
    write_message_line(summary(found, time.time()))


def _names(job: Path, choice: Choice, invocation: "Invocation") -> frozenset[str]:
    """Return what a run of ``job`` may be called; its id is another where its file was elsewhere.

    Raises:
        ConfigError: the file is no job's.
    """
    if not _is_file(job):
        return frozenset({str(job)})
    request = load_job(job, choice, invocation).settings.request
    assert request is not None  # noqa: S101 - of a file
    return frozenset({request.identity.name})


def _find_record(
    job: Path, choice: Choice, invocation: "Invocation"
) -> "tuple[Path, JobRecord, Mapping[str, Unfinished]]":
    """Return the state folder, the record of a job, and where the state store is further.

    Args:
        job: Its file, name or id.
        choice: With the flags.
        invocation: Whether warnings are wanted.

    Raises:
        ConfigError: the file is no job's.
        LedgerError: the job was never run, or several have the name.
        BulkputError: the state store cannot be read.
    """
    from bulkput.api.status import record_of  # noqa: PLC0415 - not for --help
    from bulkput.ledger.folder import default_state_dir  # noqa: PLC0415 - the same
    from bulkput.model.errors import LedgerError  # noqa: PLC0415 - the same

    if not _is_file(job):
        settings, folder = service_of(**choice.overrides)
        known = known_jobs(settings, folder, invocation)
        found = [each for each in known.records if str(job) in {each.name, each.job_id}]
        if not found:
            raise LedgerError(folder, f"no job has the name or id {job}, and no file is called so")
        if len(found) > 1:
            ids = ", ".join(f"{each.job_id} ({each.file})" for each in found)
            raise LedgerError(folder, f"several jobs have the name {job}: {ids}. Name the id")
        return folder, found[0], known.further
    settings = load_job(job, choice, invocation).settings
    folder = settings.state_dir or default_state_dir(os.environ)
    known = known_jobs(settings, folder, invocation)
    assert settings.request is not None  # noqa: S101 - of a file
    identity = settings.request.identity
    newest = (each for each in known.records if each.job_id == identity.job_id)
    record = next(newest, None) or record_of(folder, identity)  # which reports a damaged one
    if record is None:
        raise LedgerError(folder, f"no run of {job} has left anything here")
    return folder, record, known.further


def _is_file(job: Path) -> bool:
    """Return whether ``job`` is a job's file; a folder may have the name of a job."""
    return str(job) == "-" or (job.exists() and not job.is_dir())


def summary(found: "JobStatus", now_unix_s: float) -> str:
    """Return a job in one line."""
    record = found.record
    counts = ", ".join(f"{count} {status}" for status, count in sorted(found.counts.items()))
    age = format_duration(max(now_unix_s - record.begun_unix_s, 0.0))
    end = ": all is reported, the next run begins anew" if record.delivered else ""
    images = "".join(f", image {name} {status}" for name, status in record.images.items())
    of_all = f"{counts} of {len(found.volumes)} volumes{images}"
    return f"{record.name}: {of_all}, begun {age} ago{end}"


def _row(volume: "VolumeStatus") -> list[str]:
    return [
        volume.volume,
        volume.status if volume.held_by is None else f"{volume.status} ({_holder(volume)})",
        f"{volume.done_fraction:.1%}",
        volume.snapshot_id or "-",
        volume.error or "-",
    ]


def _holder(volume: "VolumeStatus") -> str:
    on_host = "" if volume.held_on is None else f" on {volume.held_on}"
    return f"{volume.held_by}{on_host}"
