"""``bulkput completion``: the script that completes words of the command line in a shell.

Owns the verb, and where the shell's question comes in. The words are in `bulkput.cli.words`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from bulkput.cli.command import Command
from bulkput.cli.streams import write_result

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem, ShellComplete

QUESTION = "_BULKPUT_COMPLETE"
"""The variable in which the script asks, as click names it after the program."""
SHELLS = ("bash", "zsh", "fish")
_BREAKS = re.compile(r"[=:@]+")
"""What bash makes words of their own (COMP_WORDBREAKS), though they stand inside of one."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes the command line in a shell.

    SHELL is bash, zsh or fish. Commands, flags, files and, from the state folder, snapshots,
    volumes and jobs are completed. For one session: eval "$(bulkput completion bash)", or bulkput
    completion fish | source. To keep it, write the script where the shell looks: bulkput in
    ~/.local/share/bash-completion/completions, _bulkput in a folder of zsh's fpath, or
    bulkput.fish in ~/.config/fish/completions.
    """
    write_result(script(shell))


def script(shell: str) -> str:
    """Return the completion script for one of `SHELLS`."""
    made = _kinds()[shell](click.Group(), {}, "bulkput", QUESTION)
    # Not made.source(): for bash it starts a bash, to look at its version.
    return (made.source_template % made.source_vars()).strip() + "\n"


def answer_shell(cli: click.Command, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Answer the question that a completion script asks, and leave the process."""
    from click.shell_completion import (  # noqa: PLC0415 - not for other verbs
        add_completion_class,
        shell_complete,
    )

    for kind in _kinds().values():
        add_completion_class(kind)
    raise SystemExit(shell_complete(cli, {}, "bulkput", QUESTION, environ[QUESTION]))


def whole_words(words: Sequence[str]) -> list[str]:
    """Return words with those joined again that bash broke at ``=``, ``:`` or ``@``."""
    joined: list[str] = []
    is_open = False
    for word in words:
        is_break = _BREAKS.fullmatch(word) is not None
        if joined and (is_break or is_open):
            joined[-1] += word
        else:
            joined.append(word)
        is_open = is_break
    return joined


def _kinds() -> "dict[str, type[ShellComplete]]":
    """Return click's class for each shell, with what it leaves out of ``--flag=value``."""
    # Not for other verbs: it imports half of click's modules again.
    from click.shell_completion import BashComplete, FishComplete, ZshComplete  # noqa: PLC0415

    class Bash(BashComplete):
        """Answers with what stands after the last break: that is what bash replaces."""

        lead = ""

        def get_completion_args(self) -> tuple[list[str], str]:
            args, own = super().get_completion_args()
            *before, incomplete = whole_words([*args, own])
            lead = incomplete.removesuffix("" if _BREAKS.fullmatch(own) else own)
            self.lead = lead.removesuffix("@")  # which readline takes for the word's first letter
            return before, incomplete

        def get_completions(self, args: list[str], incomplete: str) -> "list[CompletionItem]":
            items = _with_flag(super().get_completions(args, incomplete), incomplete)
            for item in items:
                item.value = item.value.removeprefix(self.lead)
            return items

    class Zsh(ZshComplete):
        def get_completions(self, args: list[str], incomplete: str) -> "list[CompletionItem]":
            return _with_flag(super().get_completions(args, incomplete), incomplete)

    class Fish(FishComplete):
        def get_completions(self, args: list[str], incomplete: str) -> "list[CompletionItem]":
            return _with_flag(super().get_completions(args, incomplete), incomplete)

    return {"bash": Bash, "zsh": Zsh, "fish": Fish}


def _with_flag(items: "list[CompletionItem]", incomplete: str) -> "list[CompletionItem]":
    """Return the values for ``--flag=val`` as whole words; paths are the shell's own business."""
    flag, equals, _ = incomplete.partition("=")
    if equals and flag.startswith("--"):
        for item in items:
            if item.type == "plain":
                item.value = f"{flag}={item.value}"
    return items
