"""``bulkput jobs``: what is unfinished in the state folder, and in the state store if any."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.known_jobs import known_jobs
from bulkput.cli.options import (
    Invocation,
    invocation_of,
    shown_options,
    state_option,
    store_option,
)
from bulkput.cli.service import service_of
from bulkput.cli.store import HEAD, row
from bulkput.cli.streams import flush_result, write_result
from bulkput.cli.text import table, write_message_line
from bulkput.model.duration import format_duration
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.api.status import JobStatus, Unfinished
    from bulkput.config.service import ServiceSettings

_JOB_HEAD = ("JOB", "ID", "STATUS", "VOLUMES DONE", "FAILED", "AGE", "FILE")
_HEAD = (
    *("VOLUME", "SNAPSHOT", "PHASE", "DONE", "RATE", "LEFT", "AGE", "ATTEMPT", "IN USE BY"),
    *("SOURCE", "EVENTS"),
)
_WATCH_INTERVAL_S = 2.0
"""As often as a run writes down how fast it is."""
_CLEAR = "\x1b[H\x1b[J"


@click.command(cls=Command)
@click.option(
    "--watch",
    is_flag=True,
    help="Show the list again every two seconds, until nothing is unfinished or Ctrl-C.",
)
@state_option
@store_option
@click.option("--profile", metavar="NAME", help="Profile in the AWS configuration files.")
@shown_options
@click.pass_context
def jobs(context: click.Context, /, *, watch: bool, **flags: Any) -> None:
    """List jobs and uploads that are unfinished.

    A job is listed until all of its volumes are done: the same bulkput run goes on with it, and
    bulkput status shows its volumes.

    DONE is the share of blocks that are acknowledged or skipped as zeros, ATTEMPT the number of
    runs that have worked on the snapshot. Of what runs, RATE, LEFT and EVENTS (the file of
    --events) are shown too. To resume an upload, run
    the command that started it again; bulkput abort gives it up.
    """
    settings, folder = service_of(**flags)
    invocation, clears = invocation_of(context), watch and sys.stdout.isatty()
    while _show(settings, folder, invocation, clears=clears) and watch:
        flush_result()
        try:
            _pause(_WATCH_INTERVAL_S)
        except KeyboardInterrupt:  # how one stops to watch
            return


_pause = time.sleep


def _show(
    settings: "ServiceSettings", folder: Path, invocation: Invocation, *, clears: bool
) -> bool:
    """Write the list; returns whether there is anything in it."""
    from bulkput.api.status import read_unfinished, status_of_job  # noqa: PLC0415 - numpy

    known = known_jobs(settings, folder, invocation)
    stored = [each for each in known.stored if not each.is_over]
    found = [
        each for each in read_unfinished(folder) if each.entry.folder.name not in known.further
    ]
    open_jobs = [
        status_of_job(folder, record, known.further)
        for record in known.records
        if not record.delivered
    ]
    now_unix_s = time.time()
    if clears:
        write_result(_CLEAR)
    if invocation.output is OutputForm.JSON:
        listed = [each.as_dict(now_unix_s) for each in found]
        of_files = [each.as_dict(now_unix_s) for each in open_jobs]
        content = {"state_dir": str(folder), "jobs": listed, "job_files": of_files}
        if settings.state_store is not None:
            content["state_store"] = settings.state_store
            content["stored"] = [each.as_dict(now_unix_s) for each in stored]
        write_result(as_json(content))
        return bool(found or open_jobs or stored)
    if open_jobs:
        write_result(table(_JOB_HEAD, [_job_row(each, now_unix_s) for each in open_jobs]) + "\n")
    if stored:
        write_result(table(HEAD, [row(each) for each in stored]) + ("\n" if found else ""))
    if not found and not open_jobs and not stored:
        store = "" if settings.state_store is None else f", nor in {settings.state_store}"
        write_message_line(f"nothing is unfinished in {folder}{store}")
        return False
    if found:
        write_result(table(_HEAD, [_row(each, now_unix_s) for each in found]))
    for each in found:
        if each.problem is not None:
            write_message_line(f"{each.entry.volume}: {each.problem}")
    return True


def _job_row(found: "JobStatus", now_unix_s: float) -> list[str]:
    record = found.record
    return [
        record.name,
        record.job_id,
        found.status,
        f"{found.done_count} of {len(found.volumes)}",
        str(found.counts.get("failed", 0)),
        format_duration(max(now_unix_s - record.begun_unix_s, 0.0)),
        record.file,
    ]


def _row(found: "Unfinished", now_unix_s: float) -> list[str]:
    header, volume, running = found.entry.header, found.entry.volume, found.running
    in_use = "-" if found.holder is None else str(found.holder)
    if header is None:
        return [volume, "-", "damaged", *["-"] * 5, in_use, f"? ({found.entry.folder})", "-"]
    phase = str(header.phase) if running is None else running.phase
    rate, left, events = "-", "-", "-"
    if running is not None:
        rate = f"{running.puts_per_s:,.0f} puts/s, {running.mib_per_s:,.1f} MiB/s"
        left = "-" if running.left_s is None else format_duration(running.left_s)
        events = running.events or "-"
    return [
        volume,
        header.snapshot_id or "-",
        phase if found.problem is None else f"{phase}, damaged",
        f"{found.settled_fraction:.1%}",
        rate,
        left,
        format_duration(max(now_unix_s - header.created_unix_s, 0.0)),
        str(max(1, found.runs)),
        in_use,
        header.source_path,
        events,
    ]
