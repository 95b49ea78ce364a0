"""``bulkput manifest``: show and check manifests. Reads only."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkput.cli.command import Group
from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.ranges import ranges_option, ranges_text
from bulkput.cli.service import service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import facts
from bulkput.cli.words import snapshots
from bulkput.model.duration import format_duration
from bulkput.model.size import format_size
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.ledger.manifest import Manifest

_TARGET = click.argument("target", metavar="FILE|SNAPSHOT", shell_complete=snapshots)


@click.group(cls=Group)
def manifest() -> None:
    """Show and check manifests: what a completed snapshot contains."""


@manifest.command()
@_TARGET
@ranges_option("Show at most this many ranges of blocks.")
@state_option
@shown_options
@click.pass_context
def show(context: click.Context, target: str, *, ranges: int, state_dir: Path | None) -> None:
    """Show which snapshot a manifest describes, and which blocks that has.

    Name the manifest by its file, or by its snapshot if it is in the state folder.
    """
    with _opened(target, state_dir) as found:
        extents = list(islice(found.extents(), ranges + 1))
        more = len(extents) > ranges
        if invocation_of(context).output is OutputForm.JSON:
            facts_of_it = {
                "manifest": str(found.path),
                **found.header.as_dict(),
                "present_count": found.present_count,
                "present": {"extents": extents[:ranges], "more": more},
            }
            write_result(as_json(facts_of_it))
        else:
            shown = ranges_text(extents[:ranges], more=more)
            write_result(facts([*_facts(found, time.time()), ("present", shown)]))


@manifest.command()
@_TARGET
@state_option
@shown_options
@click.pass_context
def verify(context: click.Context, target: str, *, state_dir: Path | None) -> None:
    """Check the file's SHA-256, its header and the order of its blocks.

    Exit code 0: the manifest is intact. 7: it is damaged. 3: it cannot be used as a manifest.
    """
    with _opened(target, state_dir) as found:  # which checks all of it
        if invocation_of(context).output is OutputForm.JSON:
            write_result(as_json({"manifest": str(found.path), "sound": True}))
        else:
            snapshot = found.header.snapshot_id
            write_result(f"ok: {found.present_count:,} blocks of {snapshot}\n")


def _opened(target: str, state_dir: Path | None) -> "Manifest":
    from bulkput.api.manifest import locate_manifest  # noqa: PLC0415 - numpy is not for --help
    from bulkput.ledger.manifest import Manifest  # noqa: PLC0415 - the same

    _, folder = service_of(state_dir=state_dir)
    path = locate_manifest(folder, target)
    return Manifest.open(path, is_named=path == Path(target))


def _facts(found: "Manifest", now_unix_s: float) -> Iterator[tuple[str, str]]:
    header = found.header
    yield "manifest", str(found.path)
    yield "snapshot", header.snapshot_id
    yield "parent", header.parent_snapshot_id or "none"
    if header.source_path is None or header.source_size_bytes is None:
        yield "source", "not known: made by reading the snapshot"
    else:
        yield "source", f"{header.source_path} ({format_size(header.source_size_bytes)})"
    encryption = "encrypted" if header.encrypted else "not encrypted"
    yield "volume", f"{header.volume_size_gib:,} GiB, {encryption}"
    place = f" at {header.endpoint_url}" if header.endpoint_url else ""
    yield "region", f"{header.region}{place}"
    ago = format_duration(max(now_unix_s - header.created_unix_s, 0.0))
    yield "written", f"{ago} ago by bulkput {header.program_version}"
    yield "size", format_size(found.path.stat().st_size)
    yield "blocks", f"{found.present_count:,} of {header.block_count:,}"
