"""``bulkput report``: a report of runs from the files of their events."""

import os
import time
from pathlib import Path

import click

from bulkput.cli.command import Command
from bulkput.cli.events_file import event_lines
from bulkput.cli.options import PATH, invocation_of, shown_options
from bulkput.cli.streams import write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.model.errors import UsageError
from bulkput.observe.plain import masked
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.whole_file import write_whole

NEEDED = "a report needs matplotlib and Jinja2: pip install 'bulkput[report]'"


@click.command(cls=Command)
@click.argument("events", nargs=-1, required=True, type=PATH)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="FILE.html",
    default=Path("bulkput-report.html"),
    show_default=True,
    help="Where the report goes; an earlier one is replaced.",
)
@shown_options
@click.pass_context
def report(context: click.Context, /, events: tuple[Path, ...], out: Path) -> None:
    """Make a report from the events of one or more runs.

    EVENTS are files that --events wrote, of one machine or of several, also of runs that are under
    way; - is standard input.
    """
    try:
        from bulkput.observe.report.page import render  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise UsageError(NEEDED) from None
    from bulkput.observe.report.read import Streams  # noqa: PLC0415 - not for --help

    streams = Streams()
    for path in events:
        try:
            with event_lines(path) as lines:
                streams.read("standard input" if str(path) == "-" else str(path), lines)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    warnings = [shown(masked(each, os.environ)) for each in streams.warnings]
    for warning in warnings:
        write_message_line(f"warning: {warning}")
    if not streams.runs:
        raise UsageError("no file has events of a run, so there is nothing to report")
    try:
        page = render(streams.runs, warnings, time.time())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise UsageError("the files of events are damaged: no report can be made of them") from None
    try:
        write_whole(out, page.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None
    if invocation_of(context).output is OutputForm.JSON:
        result = {"report": str(out), "runs": len(streams.runs), "warnings": warnings}
        write_result(as_json(result))
    else:
        write_result(f"{shown(str(out))}\n")
