"""What one of several wants of what they share: from what it uses, and whether that holds it back.

Pure: counts and their time come in. Whether a share holds its calls back is measured where they
wait for it, not guessed from how many there were: at 2 a second one more or less would decide.
"""

import math
from typing import NamedTuple

MEASURE_S = 1.0
"""Over which use is measured: 100 puts at 100/s, and a share that others could use is idle no
longer than this."""

HELD_SHARE = 0.5
"""Of the time in which the next call waited for the share and nothing else: one that has all that
it can use waits for answers, or its source. A share that is just used up is waited for most of the
time, and by one that could use a tenth less for a third of it (calls that come at random)."""

HEADROOM = 1.5
"""One that its source or another quota holds keeps half as much again, so that calls which come
unevenly are not held back."""


class Use(NamedTuple):
    """So far, of one that shares."""

    calls: int
    held_s: float
    """In which the next call waited for the share, and for nothing else."""


class Demand:
    """Of one that shares."""

    def __init__(self, first_per_s: float = math.inf) -> None:
        """Begin with nothing measured, as one that wants ``first_per_s``."""
        self._first_per_s = self.per_s = first_per_s
        """Calls a second; without end while the share is what holds them back."""
        self._since_s = 0.0
        self._before: Use | None = None

    def measure(self, now_s: float, use: Use, least_per_s: float) -> float:
        """Return what is wanted now.

        Args:
            now_s: Of the same clock at all calls.
            use: Up to now; one that counts from 0 again begins anew.
            least_per_s: Wanted by one that makes no calls for now.
        """
        if self._before is None or use.calls < self._before.calls:
            self.per_s = self._first_per_s
            self._since_s, self._before = now_s, use
        elapsed_s = now_s - self._since_s
        if elapsed_s >= MEASURE_S:
            is_held = use.held_s - self._before.held_s >= HELD_SHARE * elapsed_s
            rate = (use.calls - self._before.calls) / elapsed_s
            self.per_s = math.inf if is_held else max(least_per_s, rate * HEADROOM)
            self._since_s, self._before = now_s, use
        return self.per_s
