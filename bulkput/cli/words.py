"""What the shell can complete beside commands, flags and files: snapshots, volumes, jobs, topics.

A completion never fails and writes nothing: where the state folder cannot be read, it has no words.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(
    find: Callable[[click.Context], Mapping[str, str]], *, files: bool = False
) -> Completer:
    """Return what completes the words that ``find`` returns, each with what it is.

    ``files`` completes paths too.
    """

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - not for --help

        words: Mapping[str, str] = {}
        with suppress(Exception):
            words = find(context)
        items = [
            CompletionItem(word, help=about)
            for word, about in words.items()
            if word.startswith(incomplete)
        ]
        # Paths first: bash's script drops what came before them, and completes paths where no word
        # fits.
        return [CompletionItem(incomplete, type="file"), *items] if files else items

    return complete


def _unfinished_uploads(context: click.Context) -> dict[str, str]:
    from bulkput.api.status import read_unfinished  # noqa: PLC0415 - not for --help

    words: dict[str, str] = {}
    for found in read_unfinished(_state_dir(context)):
        entry = found.entry
        about = "unfinished" if entry.header is None else f"unfinished, {entry.header.source_path}"
        words |= {word: about for word in (entry.snapshot_id, entry.volume) if word}
    return words


def _jobs(context: click.Context) -> dict[str, str]:
    from bulkput.api.status import read_records  # noqa: PLC0415 - not for --help

    return {record.name: record.file for record in read_records(_state_dir(context))}


def _snapshots(context: click.Context) -> dict[str, str]:
    from bulkput.api.manifest import snapshots_with_manifest  # noqa: PLC0415 - not for --help

    return dict.fromkeys(snapshots_with_manifest(_state_dir(context)), "has a manifest here")


def _series(context: click.Context) -> dict[str, str]:
    from bulkput.ledger.series import known_series  # noqa: PLC0415 - not for --help

    return dict.fromkeys(known_series(_state_dir(context)), "a series of this host")


def _examples(_: click.Context) -> dict[str, str]:
    from bulkput.cli.examples import examples  # noqa: PLC0415 - init imports this

    return examples()


def _topics_and_commands(context: click.Context) -> dict[str, str]:
    from bulkput.cli.manual import topics  # noqa: PLC0415 - not for --help

    root = context.find_root()
    commands = root.command.list_commands(root) if isinstance(root.command, click.Group) else []
    return topics() | dict.fromkeys(commands, "command")


def _state_dir(context: click.Context) -> Path:
    from bulkput.ledger.folder import default_state_dir  # noqa: PLC0415 - not for --help

    given = context.params.get("state_dir") or os.environ.get("BULKPUT_STATE_DIR")
    return Path(given) if given else default_state_dir(os.environ)


unfinished_uploads = _completer(_unfinished_uploads)
jobs_and_files = _completer(_jobs, files=True)
snapshots = _completer(_snapshots)
snapshots_and_files = _completer(_snapshots, files=True)
series = _completer(_series)
names_of_examples = _completer(_examples)
topics_and_commands = _completer(_topics_and_commands)
