"""The timer of a sink: a thread, so that a held terminal or pipe never holds the event loop."""

import threading
import time
from types import TracebackType

from bulkput.observe.run_events import Sink

TICK_S = 0.25
"""Four frames a second read as live and cost about one per cent of a core."""
_STOP_S = 2.0
"""A terminal that is held (Ctrl-S) keeps the thread; the program goes on without it. A sink whose
end takes longer says so by ``close_limit_s``."""


class Ticker:
    """A context manager in which ``sink.tick`` is called every ``TICK_S``."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bulkput-sink", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(getattr(self._sink, "close_limit_s", _STOP_S))

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            self._sink.tick(time.monotonic())
        self._sink.close(time.monotonic())
