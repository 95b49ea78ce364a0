"""``bulkput status --events``: how far a run is, by the file of its events."""

import time
from pathlib import Path

from bulkput.cli.events_file import event_lines
from bulkput.cli.options import Invocation
from bulkput.cli.streams import write_result
from bulkput.cli.text import shown, table, write_message_line
from bulkput.model.duration import format_duration
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.run_so_far import OtherVersionError, RunSoFar, last_run

HEAD = ("VOLUME", "STATUS", "DONE", "SNAPSHOT", "ERROR")


def show_events(path: Path, names: frozenset[str] | None, invocation: Invocation) -> None:
    """Write the status of the last run in a file of events; ``-`` is standard input.

    Args:
        path: The file, which may be growing.
        names: Names or ids of the job to look for; None is any run.
        invocation: How it is written.

    Raises:
        UsageError: it cannot be read, or has no such run.
    """
    try:
        with event_lines(path) as lines:
            found, foreign = last_run(lines, names)
    except OSError as error:
        raise UsageError(f"--events {path}: cannot be read: {error.strerror}") from None
    except OtherVersionError:
        raise UsageError(f"--events {path}: was written by another version of bulkput") from None
    except (ArithmeticError, LookupError, TypeError, ValueError):
        raise UsageError(f"--events {path}: is damaged, or no file of events") from None
    if found is None:
        of_job = "" if names is None else " of this job"
        raise UsageError(f"--events {path}: has no events of a run{of_job}")
    if foreign:
        write_message_line(f"warning: {foreign} lines of {path} are no events")
    now_unix_s = time.time()
    if invocation.output is OutputForm.JSON:
        write_result(as_json(found.as_dict(now_unix_s)))
        return
    rows = [
        [
            volume.volume,
            volume.status,
            f"{volume.done_fraction:.1%}",
            volume.snapshot_id or "-",
            volume.error or "-",
        ]
        for volume in found.volumes
    ]
    write_result(table(HEAD, rows))
    write_message_line(_summary(found, now_unix_s))


def _summary(found: RunSoFar, now_unix_s: float) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(found.counts.items()))
    begun = format_duration(max(now_unix_s - found.begun_unix_s, 0.0))
    heard = format_duration(max(now_unix_s - found.heard_unix_s, 0.0))
    end = f"last event {heard} ago"
    if found.exit_code is not None:
        end = f"ended {heard} ago with code {found.exit_code}"
    error = f": {found.error}" if found.error else ""
    return shown(
        f"{found.job or 'run'}: {counts} of {found.volume_count} volumes, begun {begun} ago by "
        f"process {found.process_id} on {found.host}, {end}{error}"
    )
