"""Ranges of blocks on stdout: a few in a line, or any number of them in bounded memory.

The latter are kept in a file of the temporary folder until the end, because a display may be drawn
on the same terminal meanwhile, and an object is written whole or not at all.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import click

from bulkput.cli.streams import write_result
from bulkput.observe.result import as_json

_IN_MEMORY_BYTES = 1 << 20
"""About 8000 ranges; more go to the disk."""

_CHUNK_CHARS = 1 << 16


_Command = TypeVar("_Command", bound=Callable[..., Any])


def ranges_option(meaning: str) -> Callable[[_Command], _Command]:
    """Return ``--ranges`` for a verb that shows blocks, with its meaning there."""
    return click.option(
        "--ranges",
        type=click.IntRange(0, 1_000_000),
        default=20,
        show_default=True,
        metavar="COUNT",
        help=meaning,
    )


def ranges_text(extents: Iterable[tuple[int, int]], *, more: bool) -> str:
    """Return ranges of blocks for people: ``0-7, 9, and more``.

    Args:
        extents: First block and the one behind the last, of each range.
        more: Whether there are others.
    """
    texts = [str(start) if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in extents]
    return ", ".join([*texts, *(["and more"] if more else [])]) or "none"


class Ranges:
    """Flat dictionaries, in the order in which they were added; a context manager."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by __exit__
            max_size=_IN_MEMORY_BYTES, mode="w+", encoding="ascii"
        )
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, facts: dict[str, Any]) -> None:
        """Keep one more."""
        self._file.write(json.dumps(facts) + "\n")
        self.count += 1

    def write_text(self, words: Callable[[dict[str, Any]], str]) -> None:
        """Write a line for each to stdout.

        Raises:
            BrokenPipeError: nobody reads stdout any more.
            ResultNotWrittenError: it cannot be written.
        """
        _write(words(json.loads(line)) + "\n" for line in self._lines())

    def write_object(self, facts: dict[str, Any], name: str) -> None:
        """Write the object ``facts`` with all ranges as its last member ``name``, on one line.

        Raises:
            BrokenPipeError: nobody reads stdout any more.
            ResultNotWrittenError: it cannot be written.
        """
        head = as_json({**facts, name: []}).rstrip().removesuffix("]}")

        def pieces() -> Iterator[str]:
            yield head
            for number, line in enumerate(self._lines()):
                yield (", " if number else "") + line.rstrip()
            yield "]}\n"

        _write(pieces())

    def _lines(self) -> Iterator[str]:
        self._file.seek(0)
        yield from self._file


def _write(pieces: Iterator[str]) -> None:
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _CHUNK_CHARS:
            write_result("".join(waiting))
            waiting, length = [], 0
    if waiting:
        write_result("".join(waiting))
