"""What every display has in common: events in at any moment, writing only on a tick.

The event loop must never wait for a terminal that is held (Ctrl-S) or a pipe that is full, so
``on_event`` only queues, and whoever owns the timer calls ``tick`` from a thread of its own.
"""

from collections import deque

from bulkput.observe.board import Board
from bulkput.observe.guarded_sink import GuardedSink
from bulkput.observe.run_events import RunEvent
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import Line, event_line

_INBOX_MAX = 10_000
"""Events that wait for a tick; at 4 ticks a second more would be a flood that nobody reads."""


class Reporter(GuardedSink):
    """An Observer that writes for people; ``on_event`` may be called from any thread.

    ``tick`` and ``close`` belong to one thread at a time.
    """

    def __init__(self, verbosity: Verbosity, *, announce_ends: bool) -> None:
        super().__init__()
        self._verbosity = verbosity
        self._announce_ends = announce_ends
        self._inbox: deque[RunEvent] = deque(maxlen=_INBOX_MAX)
        self.board = Board()

    def on_event(self, event: RunEvent) -> None:
        self._inbox.append(event)

    def draw(self, lines: list[Line], now_s: float, *, last: bool) -> None:
        """Write ``lines`` and whatever else is due at ``now_s``; ``last`` gives the stream back."""
        raise NotImplementedError

    def write_due(self, now_s: float, *, last: bool) -> None:
        self.draw(self._drain(now_s), now_s, last=last)

    def give_up(self, error: Exception) -> None:
        """Report nothing: there is nowhere to."""

    def _drain(self, now_s: float) -> list[Line]:
        lines: list[Line] = []
        # Bounded by what waited at the start, so that a flood cannot hold a tick for ever.
        for _ in range(len(self._inbox)):
            item = self._inbox.popleft()
            self.board.apply(item, now_s)
            line = event_line(item, self._verbosity, announce_ends=self._announce_ends)
            if line is not None:
                lines.append(line)
        return lines
