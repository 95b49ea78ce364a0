"""``bulkput jobs``: what is unfinished in the state folder. Asks no service."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.state import surroundings_of, table, tell_line
from bulkput.cli.streams import write_result
from bulkput.model.duration import format_duration
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.jobs.state.uploads import Unfinished

_HEAD = ("VOLUME", "SNAPSHOT", "PHASE", "DONE", "AGE", "ATTEMPT", "IN USE BY", "SOURCE")


@click.command()
@state_option
@shown_options
@click.pass_context
def jobs(context: click.Context, *, state_dir: Path | None) -> None:
    """List unfinished uploads.

    DONE is the share of blocks that are acknowledged or skipped as zeros. To resume an upload, run
    the command that started it again; bulkput abort gives it up.
    """
    from bulkput.jobs.state.uploads import read_unfinished  # noqa: PLC0415 - numpy is not for --help

    _, folder = surroundings_of(state_dir=state_dir)
    found = read_unfinished(folder)
    now_unix_s = time.time()
    if invocation_of(context).output is OutputForm.JSON:
        listed = [each.as_dict(now_unix_s) for each in found]
        write_result(as_json({"state_dir": str(folder), "jobs": listed}))
        return
    if not found:
        tell_line(f"nothing is unfinished in {folder}")
        return
    write_result(table(_HEAD, [_row(each, now_unix_s) for each in found]))
    for each in found:
        if each.problem is not None:
            tell_line(f"{each.entry.volume}: {each.problem}")


def _row(found: "Unfinished", now_unix_s: float) -> list[str]:
    header, volume = found.entry.header, found.entry.volume
    in_use = "-" if found.holder is None else str(found.holder)
    if header is None:
        return [volume, "-", "damaged", "-", "-", "-", in_use, f"? ({found.entry.folder})"]
    return [
        volume,
        header.snapshot_id or "-",
        str(header.phase) if found.problem is None else f"{header.phase}, damaged",
        f"{found.settled_fraction:.1%}",
        format_duration(max(now_unix_s - header.created_unix_s, 0.0)),
        str(header.attempt),
        in_use,
        header.source_path,
    ]
