"""``bulkput abort``: give an unfinished upload up."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    Invocation,
    invocation_of,
    shown_options,
    state_option,
    store_option,
)
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.cli.words import unfinished_uploads
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.config.service import ServiceSettings

_YES = frozenset({"y", "yes"})
_ELSEWHERE = "A state store keeps this upload, and another host may be working on it"


@click.command(cls=Command)
@click.argument("upload", metavar="FOLDER|SNAPSHOT|VOLUME", shell_complete=unfinished_uploads)
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask for confirmation; needed where there is no terminal to ask on.",
)
@state_option
@store_option
@click.option("--profile", metavar="NAME", help="Profile in the AWS configuration files.")
@shown_options
@click.pass_context
def abort(
    context: click.Context,
    /,
    upload: str,
    *,
    yes: bool,
    state_dir: Path | None,
    state_store: str | None,
    profile: str | None,
) -> None:
    """Give up an unfinished upload: delete its snapshot and state.

    Name the upload by its ledger's folder, its snapshot or its volume, as bulkput jobs lists them.
    Region and endpoint are those that the upload was started with. A completed snapshot is never
    deleted.
    """
    from bulkput.api.abort import abort_upload, choose_upload  # noqa: PLC0415 - not for --help

    flags = {"state_dir": state_dir, "state_store": state_store, "profile": profile}
    settings, folder = service_of(**flags)
    upload = _held(settings, folder, upload, invocation_of(context)) or upload
    with choose_upload(folder, upload) as chosen:
        is_doubtful = settings.state_store is None and chosen.may_be_elsewhere
        if is_doubtful and (yes or not _can_ask()):
            raise UsageError(
                f"{_ELSEWHERE}: nothing was deleted. Give its --state-store, or confirm on a "
                "terminal, without --yes"
            )
        if not yes:
            _ask(f"{_ELSEWHERE}. {chosen.question}" if is_doubtful else chosen.question)
        done = call_out(
            lambda: abort_upload(chosen, settings, write_message_line), invocation_of(context)
        )
    if settings.state_store is not None:
        from bulkput.api.store import forget_upload  # noqa: PLC0415 - only who has a store pays

        name = done.folder.name
        call_out(lambda: forget_upload(settings, name, write_message_line), invocation_of(context))
    for note in done.notes:
        write_message_line(note)
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(done.as_dict()))
        return
    write_message_line(f"removed {done.folder}")
    write_result("".join(f"deleted {each}\n" for each in done.deleted_snapshot_ids))


def _held(
    settings: "ServiceSettings", folder: Path, upload: str, invocation: Invocation
) -> str | None:
    """Hold the upload in the state store, if there is one that has it; return its ledger's folder.

    Raises:
        BulkputError: another host works on it, or the store cannot be used.
    """
    if settings.state_store is None:
        return None
    from bulkput.api.store import hold_upload  # noqa: PLC0415 - only who has a store pays

    wanted = Path(upload).name
    held = call_out(lambda: hold_upload(settings, folder, wanted, write_message_line), invocation)
    return None if held is None else str(held)


def _ask(question: str) -> None:
    """Return if the answer is yes.

    Raises:
        UsageError: it is not, or nobody can be asked.
    """
    if not _can_ask():
        raise UsageError(
            "stdin is not a terminal, so nobody can confirm: nothing was deleted. Give --yes"
        )
    click.echo(f"{shown(question)} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        raise UsageError("not confirmed: nothing was deleted")


def _can_ask() -> bool:
    return bool(sys.stdin) and sys.stdin.isatty()
