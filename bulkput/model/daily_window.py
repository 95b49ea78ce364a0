"""A part of every day in which something is allowed, such as ``22:00-06:00``."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DailyWindow:
    """From one time of day to another, of this machine's clock; over midnight if it ends earlier.

    The end does not belong to it. A window that begins when it ends is the whole day.
    """

    start: time
    stop: time

    @classmethod
    def parse(cls, text: str) -> "DailyWindow":
        """Return the window that ``text`` names.

        Raises:
            ValueError: it is none.
        """
        start, dash, stop = text.partition("-")
        if not dash:
            raise ValueError("expected a window such as 22:00-06:00")
        return cls(time.fromisoformat(start), time.fromisoformat(stop))

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.stop:%H:%M}"

    @property
    def closed_s(self) -> float:
        """How long it is closed between two openings, on a day of 24 hours."""
        opened, closed = (
            timedelta(hours=each.hour, minutes=each.minute) for each in (self.start, self.stop)
        )
        return ((opened - closed) % _DAY).total_seconds()

    def wait_s(self, now: datetime) -> float:
        """Return how long it is until the window is open; 0 while it is.

        Args:
            now: the machine's local time, with or without its zone. Where the clocks change in
                between, the answer is off by that: ask again when the time has passed.
        """
        clock = now.time().replace(tzinfo=None)
        if self.start <= self.stop:
            is_open = self.start <= clock < self.stop or self.start == self.stop
        else:
            is_open = clock >= self.start or clock < self.stop
        if is_open:
            return 0.0
        opening = now.replace(
            hour=self.start.hour, minute=self.start.minute, second=0, microsecond=0
        )
        if opening <= now:
            opening += _DAY
        return (opening - now).total_seconds()
