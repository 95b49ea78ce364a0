"""The display without a terminal: a line every few seconds, and one for whatever happens."""

from typing import TextIO

from bulkput.observe.reporter import Reporter
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, figures_line

INTERVAL_S = 5.0
"""Twelve lines a minute: a log shows that the job lives and stays readable for hours."""


class LinesReporter(Reporter):
    """Writes plain lines to ``stream``; with ``QUIET`` only a failure's."""

    def __init__(self, stream: TextIO, verbosity: Verbosity, *, announce_failures: bool) -> None:
        super().__init__(verbosity, announce_failures=announce_failures)
        self._stream = stream
        self._due_s: float | None = None

    def draw(self, lines: list[Line], now_s: float, *, last: bool) -> None:
        if self._verbosity is not Verbosity.QUIET and not last:
            lines = lines + self._figures(now_s)
        if lines:
            self._stream.write("".join(f"{line.text}\n" for line in lines))
            self._stream.flush()

    def _figures(self, now_s: float) -> list[Line]:
        figures = self.board.figures(now_s)
        if not figures:
            self._due_s = None
            return []
        if self._due_s is None:
            self._due_s = now_s + INTERVAL_S
        if now_s < self._due_s:
            return []
        self._due_s = now_s + INTERVAL_S
        return [figures_line(each) for each in figures]
