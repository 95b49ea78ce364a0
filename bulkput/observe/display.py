"""The live display on a terminal: the job, then its volumes, drawn in place.

Owns colours and the terminal's size. Imported only when there is a terminal, because rich costs
more to import than the rest of the command line together.
"""

from typing import TextIO

from rich.console import Console
from rich.text import Text

from bulkput.observe.canvas import Canvas
from bulkput.observe.frame import Row, frame
from bulkput.observe.reporter import Reporter
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, Tone

_STYLES = {Tone.PLAIN: "", Tone.WARNING: "yellow", Tone.ERROR: "bold red"}


class DisplayReporter(Reporter):
    """Draws on ``console``, which must be a terminal; leaves nothing of itself behind."""

    def __init__(self, console: Console, verbosity: Verbosity, *, announce_ends: bool) -> None:
        super().__init__(verbosity, announce_ends=announce_ends)
        self._console = console
        self._canvas = Canvas(console.file)
        self._bar_char = "━" if console.encoding.lower().startswith("utf") else "#"

    def draw(self, lines: list[Line], now_s: float, *, last: bool) -> None:
        size = self._console.size
        rows: list[Row] = []
        if not last and self.board.is_active:
            # The last row of the terminal is the cursor's.
            rows = frame(
                self.board.figures(now_s),
                self.board.job_figures(now_s),
                columns=size.width,
                rows_max=size.height - 1,
                bar_char=self._bar_char,
            )
        self._canvas.paint(
            [self._drawn(Text(line.text, style=_STYLES[line.tone])) for line in lines],
            [self._drawn(Text.assemble(*row.pieces)) for row in rows],
            [Text(row.text).cell_len for row in rows],
            size.width,
        )

    def _drawn(self, text: Text) -> str:
        """Return ``text`` with the sequences of its colours; long lines are the terminal's."""
        with self._console.capture() as captured:
            self._console.print(text, soft_wrap=True, end="")
        return captured.get()


def console_on(stream: TextIO) -> Console:
    """Return a console for a stream that is a terminal; NO_COLOR is honoured by rich itself."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)
