"""``bulkput completion``: the script that completes words of the command line in a shell.

Owns the verb, and where the shell's question comes in. The words are in `bulkput.cli.words`.
"""

import os
from collections.abc import Mapping
from typing import NoReturn

import click

from bulkput.cli.command import Command
from bulkput.cli.streams import write_result

QUESTION = "_BULKPUT_COMPLETE"
"""The variable in which the script asks, as click names it after the program."""
SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes the command line in a shell.

    SHELL is bash, zsh or fish. Commands, flags, their values, files and, from the state folder,
    snapshots, volumes, series and jobs are completed. For one session: eval "$(bulkput completion
    bash)", or bulkput completion fish | source. To keep it, write the script where the shell
    looks: bulkput in ~/.local/share/bash-completion/completions, _bulkput in a folder of zsh's
    fpath, or bulkput.fish in ~/.config/fish/completions.
    """
    write_result(script(shell))


def script(shell: str) -> str:
    """Return the completion script for one of `SHELLS`."""
    from bulkput.cli.shells import KINDS  # noqa: PLC0415 - not for other verbs

    made = KINDS[shell](click.Group(), {}, "bulkput", QUESTION)
    # Not made.source(): for bash it starts a bash, to look at its version.
    return (made.source_template % made.source_vars()).strip() + "\n"


def answer_shell(cli: click.Command, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Answer the question that a completion script asks, and leave the process."""
    from click.shell_completion import (  # noqa: PLC0415 - not for other verbs
        add_completion_class,
        shell_complete,
    )

    from bulkput.cli.shells import KINDS  # noqa: PLC0415 - the same

    for kind in KINDS.values():
        add_completion_class(kind)
    raise SystemExit(shell_complete(cli, {}, "bulkput", QUESTION, environ[QUESTION]))
