"""``bulkput ledger``: show and check ledgers. Reads only, even while an upload runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Group
from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.ranges import ranges_option, ranges_text
from bulkput.cli.service import service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import facts
from bulkput.cli.words import unfinished_uploads
from bulkput.model.duration import format_duration
from bulkput.model.size import format_size
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.api.ledger import Inspected

_TARGET = click.argument(
    "target", metavar="FOLDER|SNAPSHOT|VOLUME", shell_complete=unfinished_uploads
)


@click.group(cls=Group)
def ledger() -> None:
    """Show and check ledgers: what is known to be in a snapshot."""


@ledger.command()
@_TARGET
@ranges_option("Show at most this many ranges of blocks of each kind.")
@state_option
@shown_options
@click.pass_context
def show(context: click.Context, target: str, *, ranges: int, state_dir: Path | None) -> None:
    """Show which upload a ledger belongs to, and the states of its blocks.

    Blocks in doubt were sent but not acknowledged, or their record is lost: the next run puts them
    again.

    Name the ledger by its folder, its snapshot or its volume.
    """
    found = _inspect(target, state_dir, ranges)
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(found.as_dict()))
    else:
        write_result(facts(list(_facts(found, time.time()))))


@ledger.command()
@_TARGET
@state_option
@shown_options
@click.pass_context
def verify(context: click.Context, target: str, *, state_dir: Path | None) -> None:
    """Check the header's checksum, the table's header and size, and the CRC of every record.

    Exit code 0: the ledger is intact. 7: parts are lost, and the next run puts their blocks again.
    3: it cannot be used as a ledger.
    """
    found = _inspect(target, state_dir, 0)
    found.require_sound()
    blocks = found.inspection.header.block_count
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json({"folder": str(found.inspection.folder), "sound": True}))
    else:
        write_result(f"ok: {blocks:,} records\n" if found.has_table else "ok: not started\n")


def _inspect(target: str, state_dir: Path | None, ranges: int) -> "Inspected":
    from bulkput.api.ledger import inspect_ledger  # noqa: PLC0415 - numpy is not for --help

    _, folder = service_of(state_dir=state_dir)
    return inspect_ledger(folder, target, ranges_max=ranges)


def _facts(found: "Inspected", now_unix_s: float) -> Iterator[tuple[str, str]]:
    inspection = found.inspection
    header = inspection.header

    def ago(unix_s: float) -> str:
        return f"{format_duration(max(now_unix_s - unix_s, 0.0))} ago"

    yield "folder", str(inspection.folder)
    yield "snapshot", header.snapshot_id or "not started"
    yield "phase", f"{header.phase}, attempt {header.attempt}"
    yield "source", f"{header.source_path} ({format_size(header.size_bytes)})"
    encryption = "encrypted" if header.encrypted else "not encrypted"
    yield "volume", f"{header.volume_size_gib:,} GiB, {encryption}"
    yield "zeros", str(header.zero_policy)
    place = f" at {header.endpoint_url}" if header.endpoint_url else ""
    yield "region", f"{header.region}{place}"
    yield "begun", f"{ago(header.created_unix_s)}, changed {ago(header.updated_unix_s)}"
    yield "written by", f"bulkput {header.program_version}, format {header.format_version}"
    yield "in use by", "nobody" if found.holder is None else str(found.holder)
    if found.has_table:
        yield "table", f"{format_size(inspection.allocated_bytes)} on disk"
        yield "blocks", f"{header.block_count:,}"
        counts: dict[str, Any] = inspection.counts._asdict()
        for state, count in counts.items():
            yield f"  {state.replace('_', ' ')}", f"{count:,}"
        yield (
            "acknowledged",
            ranges_text(inspection.acknowledged.extents, more=inspection.acknowledged.more),
        )
        yield "in doubt", ranges_text(inspection.must_put.extents, more=inspection.must_put.more)
    for problem in inspection.problems:
        yield "problem", problem
