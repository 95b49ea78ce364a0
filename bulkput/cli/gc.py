"""``bulkput gc``: pending snapshots whose ledgers are lost."""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    invocation_of,
    observe_options,
    service_options,
    shown_options,
    state_option,
    store_option,
)
from bulkput.cli.service import service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.model.duration import format_duration, parse_duration_s
from bulkput.model.events import Noted
from bulkput.model.exit_code import ExitCode
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.run_events import ResultKnown

if TYPE_CHECKING:
    from bulkput.api.gc import Orphan

DELETED_AGE_MIN_S = 900.0
"""An upload writes its first lease after 10 min, and until then its age alone protects it from the
``gc`` of a clone; 5 min more for an answer that comes late and a renewal that is repeated."""

_HEAD = ("SNAPSHOT", "AGE", "GIB", "", "LEDGER WAS IN")
_SHOWN = frozenset({"orphan", "deleted", "failed", "completed"})


def as_duration_s(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Return what a flag says, in seconds."""
    try:
        return parse_duration_s(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", context, parameter) from None


@click.command(cls=Command)
@click.option(
    "--yes",
    is_flag=True,
    help="Delete the snapshots found; without this flag they are only listed.",
)
@click.option(
    "--older-than",
    callback=as_duration_s,
    default="24h",
    metavar="DURATION",
    help="Only snapshots that were started longer ago than this, such as 12h; with --yes at "
    "least 15m. Default: 24h.",
)
@click.option(
    "--elsewhere",
    is_flag=True,
    help="Also snapshots whose ledger was in another folder or on another machine. An upload "
    "that waits there to be resumed loses its snapshot.",
)
@state_option
@store_option
@service_options
@observe_options
@shown_options
@click.pass_context
def gc(
    context: click.Context, /, *, yes: bool, older_than: float, elsewhere: bool, **flags: Any
) -> int:
    """Find pending snapshots whose ledgers are lost.

    They are recognized by their tag bulkput, which names the location of the ledger. Nothing is
    deleted without --yes, and a completed snapshot is never deleted.
    """
    from bulkput.api.gc import collect_orphans  # noqa: PLC0415 - not for --help
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    if yes and older_than < DELETED_AGE_MIN_S:
        what = (
            f"expected at least {format_duration(DELETED_AGE_MIN_S)} with --yes: what is younger "
            "may be an upload at work that has not written its lease yet."
        )
        raise click.BadParameter(what, context, param_hint="--older-than")
    settings, folder = service_of(**flags)

    invocation = invocation_of(context)

    def result_of(orphans: "list[Orphan]") -> dict[str, Any]:
        errors = [each.error for each in orphans if each.error is not None]
        return {
            "state_dir": str(folder),
            "deletes": yes,
            "snapshots": [each.as_dict(time.time()) for each in orphans],
            "exit_code": int(errors[0].status if errors else ExitCode.DONE),
        }

    def ending_of(orphans: "list[Orphan]") -> Ending:
        result = result_of(orphans)
        return Ending(result["exit_code"], ResultKnown(result))

    orphans = run_shown(
        lambda observer: collect_orphans(
            settings,
            folder,
            lambda text: observer.on_event(Noted("", text)),
            elsewhere=elsewhere,
            older_than_s=older_than,
            delete=yes,
        ),
        settings,
        invocation,
        ending_of,
        volume_count=0,
    )
    result, now_unix_s = result_of(orphans), time.time()
    if invocation.output is OutputForm.JSON:
        write_result(as_json(result))
    else:
        _report_orphans(orphans, folder, now_unix_s)
    for each in orphans:
        if each.error is not None:
            write_message_line(f"bulkput: error: {each.error}")
    return int(result["exit_code"])


def _report_orphans(orphans: "list[Orphan]", folder: Path, now_unix_s: float) -> None:
    """Write those that count to stdout, and to stderr what was passed over or is to be done."""
    rows = [
        (
            each.snapshot_id,
            format_duration(max(now_unix_s - each.start_unix_s, 0.0)),
            f"{each.volume_size_gib:,}",
            str(each.status),
            each.place,
        )
        for each in orphans
        if each.status in _SHOWN
    ]
    if rows:
        write_result(table(_HEAD, rows))
    counts = Counter(str(each.status) for each in orphans)
    if not orphans:
        write_message_line(f"no pending snapshot has lost its ledger in {folder}")
    if counts["orphan"]:
        write_message_line(f"{counts['orphan']} to delete: --yes deletes them")
    if counts["young"]:
        write_message_line(f"{counts['young']} younger than --older-than")
    if counts["at-work"]:
        write_message_line(
            f"{counts['at-work']} that an upload was at work on less than an hour ago"
        )
    if counts["elsewhere"]:
        write_message_line(f"{counts['elsewhere']} started elsewhere: --elsewhere includes them")
