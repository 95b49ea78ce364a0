"""The sink of ``--events``: every event as a line of JSON, and how far each volume is.

A reader that stops reading holds the thread that calls ``tick``, and nothing else: meanwhile no
``progress`` is made, retries and notes wait up to a limit and are dropped beyond it, and all other
events, of which there is a handful a volume, wait. What is dropped is counted in the next
``progress`` and at the end.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from bulkput.model.events import GetRetried, Noted, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.progress import Progress
from bulkput.observe.board import Board, Figures
from bulkput.observe.interval import IntervalMeter
from bulkput.observe.line_file import LineFile
from bulkput.observe.record import event_record, job_record, line_of, progress_record
from bulkput.observe.run_events import Logged, RunEnded, RunEvent, RunStarted

INTERVAL_S = 5.0
"""A line of 900 bytes each: 15 MB a day and volume."""

_WAITING_MAX = 10_000
"""Retries and notes that wait to be written: some 5 MB."""

_DROPPED = (PutRetried, GetRetried, Noted, Logged)
"""Of these there may be any number, and none of them is the only place where something stands."""

_log = logging.getLogger(__name__)


class EventStream:
    """A Sink that writes lines to ``file``, which it closes."""

    def __init__(
        self, file: LineFile, *, verb: str, interval_s: float | None, environ: Mapping[str, str]
    ) -> None:
        self._file = file
        self._verb = verb
        self._interval_s = interval_s or INTERVAL_S
        self._environ = environ
        self._inbox: deque[tuple[float, RunEvent]] = deque()
        self._board = Board()
        self._meters: dict[str, IntervalMeter] = {}
        self._job_meter = IntervalMeter(Progress(""), 0.0)
        self._due_s: float | None = None
        self._dropped = 0
        self._broken = False

    def on_event(self, event: RunEvent) -> None:
        if isinstance(event, _DROPPED) and len(self._inbox) >= _WAITING_MAX:
            self._dropped += 1
        else:
            self._inbox.append((time.time(), event))

    def tick(self, now_s: float) -> None:
        self._guarded(now_s, last=False)

    def close(self, now_s: float) -> None:
        self._guarded(now_s, last=True)
        self._broken = True
        self._file.close()

    def _guarded(self, now_s: float, *, last: bool) -> None:
        if self._broken:
            return
        try:
            for line in self._lines(now_s, last=last):
                self._file.write(line)
        except Exception as error:  # noqa: BLE001 - a reader that has gone must not stop an upload
            self._broken = True
            _log.warning("no more events are written: %s", error)

    def _lines(self, now_s: float, *, last: bool) -> Iterator[str]:
        # Bounded by what waited at the start, so that a flood cannot hold a tick for ever.
        for _ in range(len(self._inbox)):
            unix_s, event = self._inbox.popleft()
            if isinstance(event, VolumeEnded):
                # The last counts of a volume, which the interval may not have come to.
                yield from self._progress_of(event.outcome.volume, now_s, unix_s)
            self._apply(event, now_s)
            record = event_record(event)
            if isinstance(event, RunEnded):
                yield from self._job_progress(now_s, unix_s)
                record["dropped"] = self._dropped
            yield self._line(record, unix_s)
        if not last and self._is_due(now_s):
            unix_s = time.time()
            for figures in self._board.figures(now_s):
                yield self._progress_line(figures, now_s, unix_s)
            yield from self._job_progress(now_s, unix_s)

    def _apply(self, event: RunEvent, now_s: float) -> None:
        if isinstance(event, VolumeStarted):
            self._meters[event.progress.volume] = IntervalMeter(event.progress, now_s)
        elif isinstance(event, VolumeEnded):
            self._meters.pop(event.outcome.volume, None)
        elif isinstance(event, RunStarted):
            self._job_meter = IntervalMeter(Progress(""), now_s)
        self._board.apply(event, now_s)

    def _job_progress(self, now_s: float, unix_s: float) -> Iterator[str]:
        figures = self._board.job_figures(now_s)
        if figures is not None:
            total = self._board.total
            record = job_record(total, figures, self._job_meter.take(total, now_s))
            yield self._line(record | {"dropped": self._dropped}, unix_s)

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

    def _progress_of(self, volume: str, now_s: float, unix_s: float) -> Iterator[str]:
        for figures in self._board.figures(now_s):
            if figures.volume == volume:
                yield self._progress_line(figures, now_s, unix_s)

    def _progress_line(self, figures: Figures, now_s: float, unix_s: float) -> str:
        progress = figures.progress
        calls = self._meters[figures.volume].take(progress, now_s)
        record = progress_record(progress, figures, calls)
        return self._line(record | {"dropped": self._dropped}, unix_s)

    def _line(self, record: dict[str, Any], unix_s: float) -> str:
        return line_of(record, unix_s=unix_s, verb=self._verb, environ=self._environ)
