"""The emulator's time: what its timers, tokens, signatures and buckets are measured against.

Owns two readings, handed in so that 72 hours pass at once in a test. Does not sleep: whatever
happens later is worked out from the time at which somebody looks.
"""

import time
from typing import Protocol


class EmulatorClock(Protocol):
    """Where the emulator takes its time from."""

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        ...

    def unix_s(self) -> float:
        """Return seconds since 1970."""
        ...


class SystemClock:
    """The machine's own time."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def unix_s(self) -> float:
        return time.time()


class HeldClock:
    """A calendar that moves only when it is set, from the machine's time at the start.

    For tests: timers fall due when the test says so, however slow the machine is. The monotonic
    reading, which rates are measured by, runs on; what the test adds is added to both.
    """

    def __init__(self) -> None:
        self._unix_s = time.time()
        self._added_s = 0.0

    def monotonic_s(self) -> float:
        return time.monotonic() + self._added_s

    def unix_s(self) -> float:
        return self._unix_s + self._added_s

    def advance(self, seconds: float) -> None:
        """Move both readings by ``seconds``; negative for a clock that is behind."""
        self._added_s += seconds
