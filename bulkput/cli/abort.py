"""``bulkput abort``: give an unfinished upload up."""

import sys
from pathlib import Path

import click

from bulkput.cli.command import Command
from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.cli.words import unfinished_uploads
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

_YES = frozenset({"y", "yes"})


@click.command(cls=Command)
@click.argument("upload", metavar="FOLDER|SNAPSHOT|VOLUME", shell_complete=unfinished_uploads)
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask for confirmation; needed where there is no terminal to ask on.",
)
@state_option
@click.option("--profile", metavar="NAME", help="Profile in the AWS configuration files.")
@shown_options
@click.pass_context
def abort(
    context: click.Context, upload: str, *, yes: bool, state_dir: Path | None, profile: str | None
) -> None:
    """Give up an unfinished upload: delete its snapshot and state.

    Name the upload by its ledger's folder, its snapshot or its volume, as bulkput jobs lists them.
    Region and endpoint are those that the upload was started with. A completed snapshot is never
    deleted.
    """
    from bulkput.api.abort import abort_upload, choose_upload  # noqa: PLC0415 - not for --help

    settings, folder = service_of(state_dir=state_dir, profile=profile)
    with choose_upload(folder, upload) as chosen:
        if not yes:
            _ask(chosen.question)
        done = call_out(
            lambda: abort_upload(chosen, settings, write_message_line), invocation_of(context)
        )
    for note in done.notes:
        write_message_line(note)
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(done.as_dict()))
        return
    write_message_line(f"removed {done.folder}")
    write_result("".join(f"deleted {each}\n" for each in done.deleted_snapshot_ids))


def _ask(question: str) -> None:
    """Return if the answer is yes.

    Raises:
        UsageError: it is not, or nobody can be asked.
    """
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(
            "stdin is not a terminal, so nobody can confirm: nothing was deleted. Give --yes"
        )
    click.echo(f"{shown(question)} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        raise UsageError("not confirmed: nothing was deleted")
