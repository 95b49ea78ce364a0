"""What happens as records: each event at once, and how far each volume is at an interval.

Owns which records there are and in what order; a sink that writes lines and one that keeps figures
for a report both have one of their own. What waits to be taken is bounded: progress is made only
when it is taken, retries and notes are dropped beyond a limit, and all other events, of which there
is a handful a volume, wait. What is dropped is counted in the next ``progress`` and at the end.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from bulkput.model.events import GetRetried, Noted, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.progress import Progress
from bulkput.observe.board import Board, Figures
from bulkput.observe.interval import IntervalMeter
from bulkput.observe.record import disk_record, event_record, job_record, progress_record
from bulkput.observe.run_events import Logged, RunEnded, RunEvent, RunStarted

WAITING_MAX = 10_000
"""Retries and notes that wait to be taken: some 5 MB."""

_DROPPED = (PutRetried, GetRetried, Noted, Logged)
"""Of these there may be any number, and none of them is the only place where something stands."""


class Record(NamedTuple):
    """The fields of one event, beside those that every line has."""

    unix_s: float
    fields: dict[str, Any]


class Recorder:
    """Takes events from any thread; ``records`` belongs to one thread at a time."""

    def __init__(self, interval_s: float) -> None:
        """Make progress every ``interval_s``."""
        self._interval_s = interval_s
        self._inbox: deque[tuple[float, RunEvent]] = deque()
        self._board = Board()
        self._meters: dict[str, IntervalMeter] = {}
        self._job_meter = IntervalMeter(Progress(""), 0.0)
        self._hosts: dict[str, str] = {}
        """Of a fleet: who works on a volume."""
        self._due_s: float | None = None
        self._dropped = 0

    def take(self, event: RunEvent) -> None:
        """Take note of ``event``; returns at once."""
        if isinstance(event, _DROPPED) and len(self._inbox) >= WAITING_MAX:
            self._dropped += 1
        else:
            self._inbox.append((time.time(), event))

    def records(self, now_s: float, *, last: bool) -> Iterator[Record]:
        """Yield what has happened, and progress if it is due at ``now_s`` (monotonic)."""
        # Bounded by what waited at the start, so that a flood cannot hold a tick for ever.
        for _ in range(len(self._inbox)):
            unix_s, event = self._inbox.popleft()
            yield from self._before(event, now_s, unix_s)
            self._apply(event, now_s)
            fields = event_record(event)
            if isinstance(event, RunEnded):
                yield from self._job_progress(now_s, unix_s)
                fields["dropped"] = self._dropped
            yield Record(unix_s, self._of_host(fields))
        if not last and self._is_due(now_s):
            unix_s = time.time()
            for figures in self._board.figures(now_s):
                yield self._progress(figures, now_s, unix_s)
            yield from self._job_progress(now_s, unix_s)

    def _before(self, event: RunEvent, now_s: float, unix_s: float) -> Iterator[Record]:
        """Yield the last counts of volumes that end, which the interval may not have come to."""
        if not isinstance(event, VolumeEnded | RunEnded):
            return
        for figures in self._board.figures(now_s):
            if isinstance(event, RunEnded) or figures.volume == event.outcome.volume:
                yield self._progress(figures, now_s, unix_s)
                if figures.progress.disk.counts:
                    yield Record(unix_s, self._of_host(disk_record(figures.progress)))

    def _apply(self, event: RunEvent, now_s: float) -> None:
        if isinstance(event, VolumeStarted):
            self._meters[event.progress.volume] = IntervalMeter(event.progress, now_s)
            if event.progress.host is not None:
                self._hosts[event.progress.volume] = event.progress.host
        elif isinstance(event, VolumeEnded):
            self._meters.pop(event.outcome.volume, None)
        elif isinstance(event, RunStarted):
            self._job_meter = IntervalMeter(Progress(""), now_s)
        self._board.apply(event, now_s)

    def _job_progress(self, now_s: float, unix_s: float) -> Iterator[Record]:
        figures = self._board.job_figures(now_s)
        if figures is not None:
            total = self._board.total
            fields = job_record(total, figures, self._job_meter.take(total, now_s))
            yield Record(unix_s, fields | {"dropped": self._dropped})

    def _is_due(self, now_s: float) -> bool:
        """Return whether an interval has ended; intervals missed meanwhile are counted."""
        if self._due_s is None:
            self._due_s = now_s + self._interval_s
        if now_s < self._due_s:
            return False
        missed = int((now_s - self._due_s) / self._interval_s)
        self._dropped += missed * len(self._meters)
        self._due_s += (missed + 1) * self._interval_s
        return True

    def _progress(self, figures: Figures, now_s: float, unix_s: float) -> Record:
        progress = figures.progress
        calls = self._meters[figures.volume].take(progress, now_s)
        fields = progress_record(progress, figures, calls)
        return Record(unix_s, self._of_host(fields | {"dropped": self._dropped}))

    def _of_host(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of an event with the host that it is of, in a fleet."""
        host = self._hosts.get(fields.get("volume") or "")
        return fields if host is None else fields | {"host": host}
