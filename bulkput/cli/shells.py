"""What each shell is answered that asks for words: click's classes, with what they leave out.

Owns how a shell's words become the command line's, and words of the command line the shell's. Only
for `bulkput.cli.completion`: it imports half of click's modules again.
"""

import re
from collections.abc import Sequence

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

_BREAKS = re.compile(r"[=:@]+")
"""What bash makes words of their own (COMP_WORDBREAKS), though they stand inside of one."""


class _WithFlag(ShellComplete):
    """Answers ``--flag=val`` with whole words; paths are the shell's own business."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        items = super().get_completions(args, incomplete)
        flag, equals, _ = incomplete.partition("=")
        if equals and flag.startswith("--"):
            for item in items:
                if item.type == "plain":
                    item.value = f"{flag}={item.value}"
        return items


class _Bash(_WithFlag, BashComplete):
    """Answers with what stands after the last break: that is what bash replaces."""

    lead = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, own = super().get_completion_args()
        *before, incomplete = whole_words([*args, own])
        lead = incomplete.removesuffix("" if _BREAKS.fullmatch(own) else own)
        self.lead = lead.removesuffix("@")  # which readline takes for the word's first letter
        return before, incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        items = super().get_completions(args, incomplete)
        for item in items:
            item.value = item.value.removeprefix(self.lead)
        return items


class _Zsh(_WithFlag, ZshComplete):
    pass


class _Fish(_WithFlag, FishComplete):
    pass


KINDS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}
"""By the shell's name."""


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
