"""``bulkput abort``: give an unfinished upload up."""

import sys
from pathlib import Path

import click

from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import shown, tell_line
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

_YES = frozenset({"y", "yes"})


@click.command()
@click.argument("upload", metavar="FOLDER|SNAPSHOT|VOLUME")
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
    from bulkput.jobs.abort import Abort  # noqa: PLC0415 - heavy, not for --help
    from bulkput.jobs.state.uploads import locate  # noqa: PLC0415 - the same

    around, folder = service_of(state_dir=state_dir, profile=profile)
    target = locate(folder, upload, wanted=lambda entry: not entry.is_completed)
    with Abort(target) as chosen:
        if not yes:
            _ask(chosen.question)
        done = call_out(chosen.service(around), chosen.carry_out, invocation_of(context))
    for note in done.notes:
        tell_line(note)
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(done.as_dict()))
        return
    tell_line(f"removed {done.folder}")
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
