"""The display without a terminal: a line every few seconds, and one for whatever happens."""

from typing import TextIO

from bulkput.observe.reporter import Reporter
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, figures_line, job_line

INTERVAL_S = 5.0
"""In the first minute: whoever looks on sees that the job lives, and how fast it is."""

SETTLED_S = 60.0
SETTLED_INTERVAL_S = 60.0
"""After a minute nobody looks on: a line a minute is a log that stays readable for days."""


class Cadence:
    """When lines of figures are due: as asked for, else often at first and then rarely."""

    def __init__(self, interval_s: float | None) -> None:
        self._interval_s = interval_s
        self._began_s: float | None = None
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Return whether lines are due, which are then written; the first call begins."""
        if self._began_s is None:
            self._began_s = now_s
            self._due_s = now_s + (self._interval_s or INTERVAL_S)
        if now_s < self._due_s:
            return False
        is_settled = now_s - self._began_s >= SETTLED_S
        self._due_s = now_s + (
            self._interval_s or (SETTLED_INTERVAL_S if is_settled else INTERVAL_S)
        )
        return True


class LinesReporter(Reporter):
    """Writes plain lines to ``stream``; with ``QUIET`` only a failure's."""

    def __init__(
        self,
        stream: TextIO,
        verbosity: Verbosity,
        *,
        announce_ends: bool,
        interval_s: float | None = None,
    ) -> None:
        super().__init__(verbosity, announce_ends=announce_ends)
        self._stream = stream
        self._cadence = Cadence(interval_s)

    def draw(self, lines: list[Line], now_s: float, *, last: bool) -> None:
        if self._verbosity is not Verbosity.QUIET and not last:
            lines = lines + self._figures(now_s)
        if lines:
            self._stream.write("".join(f"{line.text}\n" for line in lines))
            self._stream.flush()

    def _figures(self, now_s: float) -> list[Line]:
        figures = self.board.figures(now_s)
        if not figures or not self._cadence.is_due(now_s):
            return []
        job = self.board.job_figures(now_s)
        head = [] if job is None else [job_line(job)]
        return head + [figures_line(each) for each in figures]
