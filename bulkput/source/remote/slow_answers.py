"""Answers that give a byte now and then: ended, which no limit of a single read does.

One thread for each object looks at all answers under way. Nothing is done for a piece that comes,
so that a fast server pays nothing for it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bulkput.source.remote.transport import RangeResponse

PIECE_LIMIT_S = 120.0
"""For 512 KiB: 4 KiB/s, a sixth of what a put of as much needs (tuning.attempt_deadline)."""


class WatchedAnswer:
    """An answer under way."""

    def __init__(self, answer: RangeResponse) -> None:
        self.answer = answer
        self.pieces = 0
        """That came of it; written by its reader alone."""
        self.seen = 0
        self.is_ended = False


class SlowAnswers:
    """Ends what brings no piece from one look to the next; may be used from any thread."""

    def __init__(self) -> None:
        self._answers: set[WatchedAnswer] = set()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, answer: RangeResponse) -> Iterator[WatchedAnswer]:
        """Watch ``answer`` until the context ends; its reader counts the pieces."""
        watched = WatchedAnswer(answer)
        with self._lock:
            self._answers.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._look, name="bulkput-slow-answers", daemon=True
                )
                self._thread.start()
        try:
            yield watched
        finally:
            with self._lock:
                self._answers.discard(watched)

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._is_over.set()

    def _look(self) -> None:
        while not self._is_over.wait(PIECE_LIMIT_S):
            with self._lock:
                for each in self._answers:
                    if each.pieces == each.seen:
                        each.is_ended = True
                        each.answer.interrupt()
                    each.seen = each.pieces
