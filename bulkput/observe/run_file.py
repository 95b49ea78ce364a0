"""How fast a run is and how long it will take, kept in a small file for whoever asks meanwhile.

Owns what the file holds. Where it is and how it is written is its maker's.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from bulkput.observe.board import Board, Figures
from bulkput.observe.run_events import RunEvent

INTERVAL_S = 2.0
"""As often as somebody who watches looks; an upload that is over earlier leaves no trace."""


class RunFile:
    """A Sink that replaces the file while volumes are under way, and removes it at the end."""

    def __init__(
        self, head: Mapping[str, Any], write: Callable[[bytes], bool], remove: Callable[[], None]
    ) -> None:
        """Write ``head`` and the figures of each volume by ``write``, which returns if it could."""
        self._head = dict(head)
        self._write = write
        self._remove = remove
        self._inbox: deque[RunEvent] = deque()
        self._board = Board()
        self._due_s: float | None = None
        self._broken = False

    def on_event(self, event: RunEvent) -> None:
        self._inbox.append(event)

    def tick(self, now_s: float) -> None:
        for _ in range(len(self._inbox)):
            self._board.apply(self._inbox.popleft(), now_s)
        is_job = self._head.get("job_id") is not None
        if self._due_s is None:
            self._due_s = now_s if is_job else now_s + INTERVAL_S
        figures = self._board.figures(now_s)
        # Between two volumes of a job nothing else shows that it runs.
        if self._broken or not (figures or is_job) or now_s < self._due_s:
            return
        volumes = {each.volume: _volume(each) for each in figures}
        content = self._head | {"updated_unix_s": time.time(), "volumes": volumes}
        try:
            is_written = self._write((json.dumps(content) + "\n").encode("ascii"))
        except Exception:  # noqa: BLE001 - a file for curious people must not cost the upload
            self._broken = True
        else:
            self._due_s = now_s + INTERVAL_S if is_written else now_s

    def close(self, now_s: float) -> None:  # noqa: ARG002 - the Protocol's
        try:
            self._remove()
        except Exception:  # noqa: BLE001 - as above
            self._broken = True


def _volume(figures: Figures) -> dict[str, Any]:
    progress = figures.progress
    return {
        "snapshot_id": progress.snapshot_id,
        "phase": str(progress.phase),
        "fraction": round(figures.fraction, 6),
        "puts_per_s": round(figures.puts_per_s, 2),
        "mib_per_s": round(figures.mib_per_s, 2),
        "left_s": None if figures.left_s is None else round(figures.left_s, 1),
    }
