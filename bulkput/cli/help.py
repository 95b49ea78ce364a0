"""``bulkput help``: the manual, the help of a command, and the keys of a job file.

Owns what a word may stand for: a page, then a command, then a key.
"""

import difflib
from collections.abc import Sequence

import click

from bulkput.cli.command import Command
from bulkput.cli.manual import page, show, topics
from bulkput.cli.streams import write_result
from bulkput.cli.words import topics_and_commands

_ENDING = """
`bulkput help TOPIC` shows a page, `bulkput help COMMAND` the help of a command, and \
`bulkput help volumes[].zeros` one key of the job file.
"""

_WORD_LENGTH_MAX = 64
"""What is longer is no misspelt name; the search for near ones takes time by the length."""


@click.command("help", cls=Command)
@click.argument(
    "words", metavar="[TOPIC|COMMAND|KEY]", nargs=-1, shell_complete=topics_and_commands
)
@click.pass_context
def help(context: click.Context, words: tuple[str, ...]) -> None:  # noqa: A001 - the verb's name
    """Show the manual, the help of a command, or a key of the job file.

    Without a word: the topics of the manual. On a terminal a page is shown in the pager; in a pipe
    it is Markdown.
    """
    if not words:
        show(_contents())
        return
    (first, *rest) = words
    command = _command(words, context)
    if not rest and first in topics():
        show(page(first))
    elif command is not None:
        write_result(command.get_help() + "\n")
    elif not rest and (explained := _key(first)):
        show(explained)
    else:
        raise click.UsageError(_unknown(" ".join(words), context), context)


def _contents() -> str:
    """Return the list of all topics."""
    lines = "".join(f"- `{topic}`: {title}\n" for topic, title in topics().items())
    return f"# The manual of bulkput\n\n{lines}{_ENDING}"


def _command(words: Sequence[str], context: click.Context) -> click.Context | None:
    """Return the context of the command that ``words`` call, None if there is none."""
    parent = context.find_root()
    for word in words:
        group = parent.command
        command = group.get_command(parent, word) if isinstance(group, click.Group) else None
        if command is None:
            return None
        parent = command.context_class(
            command, info_name=word, parent=parent, **command.context_settings
        )
    return parent


def _commands(context: click.Context) -> list[str]:
    """Return the names of all commands."""
    root = context.find_root()
    return root.command.list_commands(root) if isinstance(root.command, click.Group) else []


def _key(name: str) -> str | None:
    """Return the explanation of a key of the job file, with the flags that set it."""
    from bulkput.config.explain import explain_key, find_key  # noqa: PLC0415 - pydantic takes time

    key = find_key(name)
    return None if key is None else explain_key(key, _commands_by_flag())


def _commands_by_flag() -> dict[str, list[str]]:
    """Return which commands for an upload have a flag, by the flag."""
    from bulkput.cli.run import run  # noqa: PLC0415 - only for a key
    from bulkput.cli.upload import upload  # noqa: PLC0415 - the same

    found: dict[str, list[str]] = {}
    for command in (run, upload):
        for option in command.params:
            for flag in option.opts if isinstance(option, click.Option) else ():
                found.setdefault(flag, []).append(f"bulkput {command.name}")
    return found


def _unknown(word: str, context: click.Context) -> str:
    """Return the sentence for a word that stands for nothing, with the names nearest to it."""
    from bulkput.config.describe import keys  # noqa: PLC0415 - pydantic takes time

    paths = [key.path for key in keys()]
    known = {path.rpartition(".")[2]: path for path in reversed(paths)}
    known |= {name: name for name in (*paths, *_commands(context), *topics())}
    near = difflib.get_close_matches(word[:_WORD_LENGTH_MAX], known, n=3, cutoff=0.6)
    names = ", ".join(dict.fromkeys(known[each] for each in near))
    nearest = f" The nearest: {names}." if names else ""
    return f"No topic, command or key is called {word!r}.{nearest} 'bulkput help' lists the topics."
