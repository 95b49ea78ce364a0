"""The sink of ``--events``: every event as a line of JSON, and how far each volume is.

A reader that stops reading holds the thread that calls ``tick``, and nothing else.
"""

import logging
import secrets
from collections.abc import Mapping

from bulkput.observe.guarded_sink import GuardedSink
from bulkput.observe.line_file import LineFile
from bulkput.observe.record import line_of
from bulkput.observe.recorder import Recorder
from bulkput.observe.run_events import RunEvent

INTERVAL_S = 5.0
"""A line of 900 bytes each: 15 MB a day and volume."""

_log = logging.getLogger(__name__)


class EventStream(GuardedSink):
    """A Sink that writes lines to ``file``, which it closes."""

    def __init__(
        self, file: LineFile, *, verb: str, interval_s: float | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._file = file
        self._recorder = Recorder(interval_s or INTERVAL_S)
        self._head = {"run": secrets.token_hex(6), "verb": verb}
        self._environ = environ

    def on_event(self, event: RunEvent) -> None:
        self._recorder.take(event)

    def close(self, now_s: float) -> None:
        super().close(now_s)
        self._file.close()

    def write_due(self, now_s: float, *, last: bool) -> None:
        for unix_s, fields in self._recorder.records(now_s, last=last):
            self._file.write(line_of(self._head | fields, unix_s, self._environ))

    def give_up(self, error: Exception) -> None:
        _log.warning("no more events are written: %s", error)
