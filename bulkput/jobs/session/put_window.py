"""The time of day in which a volume's puts may start."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bulkput.model.clock import Clock
from bulkput.model.daily_window import DailyWindow
from bulkput.model.progress import Progress
from bulkput.pace.gate import Gate, OpenGate


@dataclass(repr=False, eq=False)
class PutWindow:
    """A gate for the pacer that is open in a window of every day, and reports when it changes."""

    window: DailyWindow
    clock: Clock
    progress: Progress
    note: Callable[[str], None]
    """Reports to the user."""

    def pause_s(self) -> float:
        """Return how long from now no put may start."""
        now = datetime.fromtimestamp(self.clock.unix_s())  # noqa: DTZ006 - the machine's own time
        pause_s = self.window.wait_s(now)
        if (pause_s > 0) != self.progress.is_paused:
            self.progress.is_paused = pause_s > 0
            self.note(
                f"puts are paused until {self.window.start:%H:%M} (window: {self.window})"
                if self.progress.is_paused
                else f"puts continue (window: {self.window})"
            )
        return pause_s


def gate_of(
    window: DailyWindow | None, clock: Clock, progress: Progress, note: Callable[[str], None]
) -> Gate:
    """Return what holds the puts of one volume back; ``note`` hears when it does."""
    if window is None:
        return OpenGate()
    return PutWindow(window, clock, progress, note)
