"""``bulkput store``: what a state store holds, of all hosts; checked and cleared up."""

import time
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Group
from bulkput.cli.gc import as_duration_s
from bulkput.cli.options import invocation_of, service_options, shown_options, store_option
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.model.duration import format_duration
from bulkput.model.errors import IntegrityError
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.wording import counted

if TYPE_CHECKING:
    from bulkput.api.store import StoredUpload

_CONDITIONS = {
    "damaged": "damaged",
    "not-begun": "not begun",
    "other-version": "another version's",
    None: "-",
}
HEAD = ("VOLUME", "SNAPSHOT", "PHASE", "DONE", "UPDATED", "LAST WRITTEN BY")


@click.group(cls=Group)
def store() -> None:
    """Show, check and clear up a state store."""


@store.command()
@store_option
@service_options
@shown_options
@click.pass_context
def ls(context: click.Context, /, **flags: Any) -> None:
    """List the uploads in the store, of all hosts, also those that are over."""
    from bulkput.api.store import stored_uploads  # noqa: PLC0415 - not for --help

    settings, _ = service_of(**flags)
    found = call_out(lambda: stored_uploads(settings, write_message_line), invocation_of(context))
    now_unix_s = time.time()
    if invocation_of(context).output is OutputForm.JSON:
        listed = [each.as_dict(now_unix_s) for each in found]
        write_result(as_json({"state_store": settings.state_store, "uploads": listed}))
    elif found:
        write_result(table(HEAD, [row(each) for each in found]))
    else:
        write_message_line(f"no upload is in {settings.state_store}")


@store.command()
@store_option
@service_options
@shown_options
@click.pass_context
def verify(context: click.Context, /, **flags: Any) -> None:
    """Read all ledgers in the store and compare them with their checksums.

    Exit code 0: all are intact. 7: something is missing or damaged, and another machine would put
    its blocks again.
    """
    from bulkput.api.store import verify_stored  # noqa: PLC0415 - not for --help

    settings, _ = service_of(**flags)
    count, problems = call_out(
        lambda: verify_stored(settings, write_message_line), invocation_of(context)
    )
    if problems:
        raise IntegrityError("; ".join(problems))
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json({"state_store": settings.state_store, "sound": True}))
    else:
        write_result(f"ok: {counted(count, 'upload')}\n")


@store.command()
@click.option(
    "--older-than",
    callback=as_duration_s,
    default="30d",
    metavar="DURATION",
    help="Only what was last written longer ago than this, such as 12h. Default: 30d.",
)
@click.option(
    "--yes", is_flag=True, help="Delete what is found; without this flag it is only listed."
)
@store_option
@service_options
@shown_options
@click.pass_context
def prune(context: click.Context, /, *, older_than: float, yes: bool, **flags: Any) -> None:
    """Remove uploads that are over, and what interrupted updates left behind.

    Unfinished uploads stay: bulkput abort gives them up. So do manifests, series, the records of
    jobs and copies, and what another version of bulkput wrote.
    """
    from bulkput.api.store import prune as prune_store  # noqa: PLC0415 - not for --help

    settings, _ = service_of(**flags)
    found = call_out(
        lambda: prune_store(settings, write_message_line, older_than_s=older_than, delete=yes),
        invocation_of(context),
    )
    if invocation_of(context).output is OutputForm.JSON:
        listed = [{"key": key, "reason": reason} for key, reason in found]
        write_result(
            as_json({"state_store": settings.state_store, "deletes": yes, "objects": listed})
        )
        return
    write_result("".join(f"{key}\t{reason}\n" for key, reason in found))
    if found and not yes:
        write_message_line(f"{counted(len(found), 'object')} to delete: --yes deletes them")


def row(found: "StoredUpload") -> list[str]:
    """Return an upload as a row below ``HEAD``."""
    header, upload = found.header, found.unfinished
    if header is None:
        return [found.entry.volume, "-", _CONDITIONS[found.condition], "-", _ago(found), found.who]
    phase = f"{header.phase}, over" if found.is_over else str(header.phase)
    return [
        found.entry.volume,
        header.snapshot_id or "-",
        phase if upload.holder is None else f"{phase}, running",
        f"{upload.settled_fraction:.1%}",
        _ago(found),
        found.who,
    ]


def _ago(found: "StoredUpload") -> str:
    return f"{format_duration(found.age_s)} ago"
