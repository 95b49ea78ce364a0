"""A token bucket that spaces puts evenly (GCRA): when the next put may start.

Owns one point in time. Knows no clock, no waiting and no service: time is handed in.
"""

BURST_S = 0.010
"""A loop that comes 10 ms late catches up in full: timers of uvloop tick in whole milliseconds,
and a turn of the loop with a few puts in it takes several. In puts it is 10 at 1000/s, 1% of what
the service accepts in a second."""

BURST_MIN_PUTS = 2
"""One to start at once and one to make up for a late timer, however slow the rate."""


def burst_puts(rate_puts_per_s: float) -> float:
    """Return how many puts may start at once after a pause, for a bucket of this rate."""
    return max(BURST_MIN_PUTS, rate_puts_per_s * BURST_S)


class Bucket:
    """Spaces puts by ``1 / rate``; no span of ``t`` seconds carries more than ``rate * t + burst``.

    The generic cell rate algorithm: ``_due_s`` is when the bucket would be full again. A put may
    start while that is no further ahead than the burst allows.
    """

    def __init__(self, rate_puts_per_s: float, burst_puts: float) -> None:
        """Start full.

        Raises:
            ValueError: the rate is not positive, or the burst is below one put.
        """
        self._due_s = float("-inf")
        self._rate = 0.0
        self._burst = 0.0
        self._interval_s = 0.0
        self._tolerance_s = 0.0
        self._adopt(rate_puts_per_s, burst_puts)

    @property
    def rate_puts_per_s(self) -> float:
        """The rate in force."""
        return self._rate

    @property
    def burst_puts(self) -> float:
        """The most puts that may start at once."""
        return self._burst

    def earliest_s(self, now_s: float) -> float:
        """Return when the next put may start: ``now_s`` or later."""
        earliest_s = self._due_s - self._tolerance_s
        return max(now_s, earliest_s)

    def take(self, now_s: float) -> None:
        """Count a put that starts now; the caller has asked ``earliest_s``."""
        self._due_s = max(self._due_s, now_s) + self._interval_s

    def set_rate(self, now_s: float, rate_puts_per_s: float, burst_puts: float) -> None:
        """Change the rate; what was taken before stays taken, counted in puts and not in time.

        Raises:
            ValueError: as the constructor.
        """
        owed_puts = max(0.0, self._due_s - now_s) * self._rate
        self._adopt(rate_puts_per_s, burst_puts)
        self._due_s = now_s + owed_puts * self._interval_s

    def _adopt(self, rate_puts_per_s: float, burst_puts: float) -> None:
        if not rate_puts_per_s > 0 or not burst_puts >= 1:
            raise ValueError(f"no bucket of {rate_puts_per_s} puts/s with a burst of {burst_puts}")
        self._rate = rate_puts_per_s
        self._burst = burst_puts
        self._interval_s = 1.0 / rate_puts_per_s
        self._tolerance_s = (burst_puts - 1.0) * self._interval_s
