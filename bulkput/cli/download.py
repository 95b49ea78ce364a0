"""``bulkput download``: a snapshot becomes a file or the content of a block device."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    PATH,
    config_option,
    invocation_of,
    observe_options,
    output_option,
    quiet_option,
    report_option,
    service_options,
    state_option,
    store_option,
    verbose_option,
)
from bulkput.cli.service import warn_of_environment
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown
from bulkput.cli.tuning_options import processes_option, quota_share_option
from bulkput.cli.words import snapshots
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.duration import format_duration
from bulkput.model.errors import UsageError
from bulkput.model.size import format_size
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.run_events import OutcomeKnown
from bulkput.observe.verbosity import Verbosity

if TYPE_CHECKING:
    from bulkput.api.public import DownloadOutcome


@click.command(cls=Command)
@click.argument("snapshot", shell_complete=snapshots)
@click.argument("dest", type=PATH)
@click.option(
    "--changed-since",
    metavar="SNAPSHOT",
    shell_complete=snapshots,
    help="DEST contains this older snapshot: write only the blocks that differ, in place.",
)
@click.option("--force", is_flag=True, help="Replace DEST when the download is complete.")
@click.option(
    "--whole-volume",
    is_flag=True,
    help="Make the file as large as the volume. Default: as large as the original source, if a "
    "manifest records its size.",
)
@state_option
@store_option
@config_option
@service_options
@processes_option
@observe_options
@quota_share_option
@report_option
@output_option("What is written to stdout: the path of DEST, or one JSON object.")
@quiet_option
@verbose_option("Show every retry, and tracebacks of unexpected errors.")
@click.pass_context
def download(
    context: click.Context,
    /,
    snapshot: str,
    dest: Path,
    config: Path | None,
    *,
    changed_since: str | None,
    force: bool,
    whole_volume: bool,
    **flags: Any,
) -> int:
    """Write a snapshot to a file or a block device.

    A file is written beside DEST and renamed when it is complete; zeros become holes. To resume
    an interrupted download, run the same command again.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    if str(dest) == "-":
        raise UsageError(
            "a snapshot is written to a file or block device, never to standard output: blocks "
            "arrive in any order. Name a file (./- for one of that name)"
        )
    if force and changed_since is not None:
        raise UsageError("--force and --changed-since exclude each other")
    warn_of_environment(invocation_of(context))
    settings = settings_from_flags(None, flags=flags, environ=os.environ, config=config).settings
    from bulkput.api.download import DownloadRequest, download_configured  # noqa: PLC0415 - not for --help
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    request = DownloadRequest(
        snapshot_id=snapshot,
        destination=dest,
        changed_since=changed_since,
        force=force,
        whole_volume=whole_volume,
    )
    invocation = invocation_of(context)
    outcome = run_shown(
        lambda observer: download_configured(settings, request, on_event=observer.on_event),
        settings,
        invocation,
        lambda ended: Ending(0, OutcomeKnown(ended.destination.name, ended.as_dict())),
    )
    if invocation.verbosity is not Verbosity.QUIET:
        write_message(_summary(outcome))
    if invocation.output is OutputForm.JSON:
        write_result(as_json(outcome.as_dict()))
    else:
        write_result(f"{outcome.destination}\n")
    return 0


def _summary(outcome: "DownloadOutcome") -> str:
    counts, total = outcome.counts, outcome.total_blocks
    known = {
        "manifest": "the source's length, as its manifest records it",
        "volume": "the volume's",
    }
    blocks = f"{counts.got:,} got"
    if counts.resumed:
        blocks += f", {counts.resumed:,} kept from an earlier run"
    if counts.zero:
        blocks += f"; {counts.zero:,} of zeros"
    mib_per_s = counts.got * BLOCK_SIZE_BYTES / (1 << 20) / max(outcome.elapsed_s, 1e-9)
    since = f", in place, since {outcome.changed_since}" if outcome.changed_since else ""
    size = format_size(outcome.length.size_bytes)
    length = f"{size} ({outcome.length.size_bytes:,} bytes)"
    lines = (
        f"{shown(str(outcome.destination))}: {outcome.snapshot_id}{since}",
        f"  size    {length}: {known[outcome.length.known_from]}",
        f"  blocks  {blocks}; {total:,} in all",
        f"  time    {format_duration(outcome.elapsed_s)}, {mib_per_s:,.1f} MiB/s got on average",
    )
    return "\n".join(lines)
