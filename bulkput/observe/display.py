"""The live display on a terminal: two rows a volume, drawn in place with rich.

Owns the layout. Imported only when there is a terminal, because rich costs more to import than the
rest of the command line together.
"""

from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bulkput.observe.board import Figures
from bulkput.observe.plain import one_line
from bulkput.observe.reporter import Reporter
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, Tone, counted, figure_words

_NAME_COLUMNS_MAX = 24
"""Long names are cut so that 80 columns still show the bar."""

_STYLES = {Tone.PLAIN: "", Tone.WARNING: "yellow", Tone.ERROR: "bold red"}


class DisplayReporter(Reporter):
    """Draws on ``console``, which must be a terminal; leaves nothing of itself behind."""

    def __init__(self, console: Console, verbosity: Verbosity, *, announce_failures: bool) -> None:
        super().__init__(verbosity, announce_failures=announce_failures)
        self._console = console
        self._live: Live | None = None

    def draw(self, lines: list[Line], now_s: float, *, last: bool) -> None:
        if self._live is not None and last:
            self._live.stop()
            self._live = None
        for line in lines:
            self._console.print(Text(line.text, style=_STYLES[line.tone]))
        if last:
            return
        figures = self.board.figures(now_s)
        if self._live is None and figures:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            # rich hides the cursor; a program that is killed could not give it back.
            self._console.show_cursor(True)
        if self._live is not None:
            self._live.update(self._frame(figures), refresh=True)

    def _frame(self, figures: list[Figures]) -> RenderableType:
        rows: list[RenderableType] = []
        longest = max((len(each.volume) for each in figures), default=0)
        name_columns = min(longest, _NAME_COLUMNS_MAX)
        for each in figures:
            words = "  " + "  ".join(figure_words(each))
            rows.append(_heading(each, name_columns))
            rows.append(Text(words, style="dim", no_wrap=True, overflow="ellipsis"))
        ended = [f"{self.board.completed} done"] if self.board.completed else []
        ended += [counted(self.board.failed, "failed", "failed")] if self.board.failed else []
        if ended:
            rows.append(Text(", ".join(ended)))
        return Group(*rows)


def console_on(stream: TextIO) -> Console:
    """Return a console for a stream that is a terminal; NO_COLOR is honoured by rich itself."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _heading(figures: Figures, name_columns: int) -> Table:
    """Return the row of name, phase, bar and percentage."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=name_columns)
    table.add_column(no_wrap=True, min_width=len("verifying"))
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, justify="right", width=len("100.0%"))
    table.add_row(
        Text(one_line(figures.volume), style="bold"),
        str(figures.phase),
        ProgressBar(total=1.0, completed=figures.fraction),
        f"{figures.fraction:.1%}" if figures.measured else "",
    )
    return table
