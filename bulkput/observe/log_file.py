"""The sink of ``--log-file``: everything that happens, a line each with its time and level."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bulkput.model.duration import format_duration
from bulkput.observe.board import Board
from bulkput.observe.guarded_sink import GuardedSink
from bulkput.observe.line_file import LineFile
from bulkput.observe.lines import Cadence
from bulkput.observe.plain import masked, one_line
from bulkput.observe.run_events import RunEnded, RunEvent, RunFailed, RunStarted
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, Tone, counted, event_line, figures_line, job_line

_LEVELS = {Tone.PLAIN: "INFO", Tone.WARNING: "WARNING", Tone.ERROR: "ERROR"}

_WAITING_MAX = 100_000
"""Events that wait while the disk hangs: some 50 MB; beyond it the oldest go."""

_log = logging.getLogger(__name__)


class LogFile(GuardedSink):
    """A Sink that writes to ``file``, which it closes."""

    def __init__(
        self, file: LineFile, *, verb: str, interval_s: float | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._file = file
        self._verb = verb
        self._cadence = Cadence(interval_s)
        self._environ = environ
        self._inbox: deque[tuple[float, RunEvent]] = deque(maxlen=_WAITING_MAX)
        self._board = Board()

    def on_event(self, event: RunEvent) -> None:
        self._inbox.append((time.time(), event))

    def close(self, now_s: float) -> None:
        super().close(now_s)
        self._file.close()

    def write_due(self, now_s: float, *, last: bool) -> None:
        self._file.write("".join(self._lines(now_s, last=last)))

    def give_up(self, error: Exception) -> None:
        _log.warning("the log file is not written any more: %s", error)

    def _lines(self, now_s: float, *, last: bool) -> Iterator[str]:
        # Bounded by what waited at the start, so that a flood cannot hold a tick for ever.
        for _ in range(len(self._inbox)):
            unix_s, event = self._inbox.popleft()
            self._board.apply(event, now_s)
            for line in self._lines_of(event):
                yield self._stamped(unix_s, line)
        if not last and self._board.is_active and self._cadence.is_due(now_s):
            unix_s = time.time()
            job = self._board.job_figures(now_s)
            if job is not None:
                yield self._stamped(unix_s, job_line(job))
            for figures in self._board.figures(now_s):
                yield self._stamped(unix_s, figures_line(figures))

    def _lines_of(self, event: RunEvent) -> Iterator[Line]:
        """Yield the lines of an event; those that people see elsewhere than in a display too."""
        if isinstance(event, RunStarted):
            volumes = counted(event.volume_count, "volume")
            yield Line(
                f"bulkput {event.program_version} {self._verb}: {volumes}, "
                f"process {event.process_id} on {event.host}"
            )
        elif isinstance(event, RunFailed):
            for detail in event.details:
                yield from (Line(line, Tone.ERROR) for line in detail.splitlines())
            yield Line(event.error, Tone.ERROR)
        elif isinstance(event, RunEnded):
            took = format_duration(event.elapsed_s)
            yield Line(f"ended with exit code {event.exit_code} after {took}")
        else:
            line = event_line(event, Verbosity.VERBOSE, announce_ends=True)
            if line is not None:
                yield line

    def _stamped(self, unix_s: float, line: Line) -> str:
        at = datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
        text = one_line(masked(line.text, self._environ))
        return f"{at.replace('+00:00', 'Z')} {_LEVELS[line.tone]} {text}\n"
