"""Text for people: lines without secrets and control characters, tables and lists of facts."""

import os
from collections.abc import Sequence

from bulkput.cli.streams import write_message
from bulkput.observe.plain import masked, one_line

_GAP = "  "


def write_message_line(text: str) -> None:
    """Write one line for people, whatever ``text`` holds."""
    write_message(shown(text))


def shown(text: str) -> str:
    """Return ``text`` on one line, without control characters and secrets."""
    return one_line(masked(text, os.environ))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns under ``head``; the last column is as long as it likes."""
    lines = [head, *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
    return "".join(
        _GAP.join(
            (*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1])
        ).rstrip()
        + "\n"
        for line in lines
    )


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Return a label and a text on each line."""
    width = max(len(label) for label, _ in rows)
    return "".join(f"{label:<{width}}{_GAP}{shown(text)}".rstrip() + "\n" for label, text in rows)
