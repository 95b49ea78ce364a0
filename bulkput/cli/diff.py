"""``bulkput diff``: what differs between two snapshots."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    config_option,
    invocation_of,
    observe_options,
    output_option,
    quiet_option,
    service_options,
    state_option,
    verbose_option,
)
from bulkput.cli.ranges import Ranges
from bulkput.cli.service import warn_of_environment
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.words import snapshots
from bulkput.model.block import BLOCK_SIZE_BYTES, place_text
from bulkput.model.size import format_size
from bulkput.observe.result import OutputForm
from bulkput.observe.run_events import OutcomeKnown
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import counted

if TYPE_CHECKING:
    from bulkput.api.diff import ChangedRange, Comparison


@click.command(cls=Command)
@click.argument("first", metavar="A", shell_complete=snapshots)
@click.argument("second", metavar="B", shell_complete=snapshots)
@state_option
@config_option
@service_options
@observe_options
@output_option("What is written to stdout: a line for each range, or one JSON object.")
@quiet_option
@verbose_option("Show tracebacks of unexpected errors.")
@click.pass_context
def diff(
    context: click.Context, /, first: str, second: str, config: Path | None, **flags: Any
) -> int:
    """List the blocks that differ between two snapshots.

    A and B must be of one lineage, such as a snapshot and its child. Only lists of blocks are
    compared, not their bytes: a block that was written again with the same bytes is listed too.
    The exit code is 0 whether anything differs or not.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    warn_of_environment(invocation_of(context))
    settings = settings_from_flags(None, flags=flags, environ=os.environ, config=config).settings
    from bulkput.api.diff import compare_snapshots  # noqa: PLC0415 - the same
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    in_json = invocation.output is OutputForm.JSON
    names = {"both": "in both", "first": f"only in {first}", "second": f"only in {second}"}
    with Ranges() as kept:

        def take(ranges: "list[ChangedRange]") -> None:
            if in_json:
                for each in ranges:
                    kept.add(_facts(each))
            elif ranges:
                lines = (f"{place_text(*each[:2])}: {names[each.present_in]}\n" for each in ranges)
                write_result("".join(lines))

        found = run_shown(
            lambda observer: compare_snapshots(settings, first, second, observer, take),
            settings,
            invocation,
            lambda ended: Ending(0, OutcomeKnown(second, ended.as_dict())),
        )
        if invocation.verbosity is not Verbosity.QUIET:
            write_message(_summary(found))
        if in_json:
            kept.write_object(found.as_dict(), "ranges")
    return 0


def _facts(changed: "ChangedRange") -> dict[str, Any]:
    """Return the documented JSON object of one range."""
    return {
        "present_in": changed.present_in,
        "first_block": changed.start,
        "block_count": changed.stop - changed.start,
        "first_byte": changed.start * BLOCK_SIZE_BYTES,
        "byte_count": (changed.stop - changed.start) * BLOCK_SIZE_BYTES,
    }


def _summary(found: "Comparison") -> str:
    count = found.block_count
    if not count:
        return f"{found.first_id} and {found.second_id} do not differ"
    size = format_size(count * BLOCK_SIZE_BYTES)
    blocks = found.blocks
    return (
        f"{counted(count, 'block')} ({size}) in {counted(found.range_count, 'range')}: "
        f"{blocks['both']:,} in both, {blocks['first']:,} only in {found.first_id}, "
        f"{blocks['second']:,} only in {found.second_id}"
    )
