"""Rows that are drawn in place on a terminal, above which lines scroll up and stay.

Owns the control sequences. The cursor rests below the rows, so a program that is killed leaves the
prompt on a line of its own. Everything of a frame is one write, so that nothing flickers.
"""

from collections.abc import Sequence
from typing import IO

_ERASE_BELOW = "\x1b[J"


class Canvas:
    """What was drawn last, and how it is replaced."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._widths: list[int] = []
        """Of the rows that stand, in columns."""

    def paint(
        self, above: Sequence[str], rows: Sequence[str], widths: Sequence[int], columns: int
    ) -> None:
        """Replace the rows that stand by ``above``, which stays, and ``rows``.

        Args:
            above: Whole lines, with their colours.
            rows: The same, none wider than the terminal.
            widths: Of the rows, in columns.
            columns: Of the terminal now.
        """
        if not above and not rows and not self._widths:
            return
        lines = [*above, *rows]
        text = self._back(columns) + "".join(f"{line}\n" for line in lines)
        self._widths = list(widths)
        self._stream.write(text)
        self._stream.flush()

    def _back(self, columns: int) -> str:
        """Return what erases the rows that stand.

        A terminal that became narrower has broken the wider ones, as all that are in use do it
        (VTE, iTerm, kitty, tmux, Windows Terminal), so that they stand on more rows than before.
        """
        count = sum(max(1, -(-width // columns)) for width in self._widths)
        return f"\r\x1b[{count}A{_ERASE_BELOW}" if count else ""
