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


class ShiftableClock:
    """The machine's time plus whatever has been added to it: lets a test skip hours."""

    def __init__(self) -> None:
        self._shift_s = 0.0

    def monotonic_s(self) -> float:
        return time.monotonic() + self._shift_s

    def unix_s(self) -> float:
        return time.time() + self._shift_s

    def advance(self, seconds: float) -> None:
        """Move both readings by ``seconds``; negative for a clock that is behind."""
        self._shift_s += seconds
