"""A token bucket that spaces puts evenly (GCRA): when the next put may start.

Owns one point in time. Knows no clock, no waiting and no service: time is handed in.
"""

BURST_S = 0.010
"""After a pause: 10 puts at 1000/s, 1% of what the service accepts in a second."""

LATE_MAX_S = 0.050
"""Lateness that is made up for: timers of uvloop tick in whole milliseconds, and a loop that shares
its core with hashing threads is kept waiting for several turns of the GIL (5 ms each). A model with
a stall of up to 30 ms in one of 50 waits lost 8% of the rate without, nothing with this."""

BURST_MIN_PUTS = 2
"""One to start at once and one to make up for a late timer, however slow the rate."""


class Bucket:
    """Spaces puts by ``1 / rate``; no span of ``t`` seconds carries more than ``rate * t + burst``.

    The generic cell rate algorithm: ``_due_s`` is when the bucket would be full again. A put may
    start while that is no further ahead than the burst allows. A put that was ready in time and
    starts late is counted at the time it should have started, so that a late loop loses no rate;
    the lateness that is forgiven, times the rate, is part of the burst.
    """

    def __init__(self, rate_puts_per_s: float) -> None:
        """Start full.

        Raises:
            ValueError: the rate is not positive.
        """
        self._due_s = float("-inf")
        self._adopt(rate_puts_per_s)

    @property
    def rate_puts_per_s(self) -> float:
        """The rate in force."""
        return self._rate

    def earliest_s(self, now_s: float) -> float:
        """Return when the next put may start: ``now_s`` or later."""
        earliest_s = self._due_s - self._tolerance_s
        return max(now_s, earliest_s)

    def planned_s(self, now_s: float, ready_s: float) -> float:
        """Return when a put that is ready since ``ready_s`` and starts now should have started."""
        return max(self._due_s - self._tolerance_s, ready_s, now_s - LATE_MAX_S)

    def take(self, now_s: float, ready_s: float) -> None:
        """Count a put that starts now; the caller has asked ``earliest_s``.

        Args:
            now_s: no earlier than ``earliest_s``.
            ready_s: since when the put waited for nothing but this bucket; ``now_s`` at the latest.
        """
        self._due_s = max(self._due_s, ready_s, now_s - LATE_MAX_S) + self._interval_s

    def set_rate(self, now_s: float, rate_puts_per_s: float) -> None:
        """Change the rate; what was taken before stays taken, counted in puts and not in time.

        Raises:
            ValueError: as the constructor.
        """
        owed_puts = (self._due_s - now_s) * self._rate
        self._adopt(rate_puts_per_s)
        self._due_s = now_s + max(owed_puts, -LATE_MAX_S * self._rate) * self._interval_s

    def _adopt(self, rate_puts_per_s: float) -> None:
        if not rate_puts_per_s > 0:
            raise ValueError(f"a bucket needs a positive rate, not {rate_puts_per_s} puts/s")
        self._rate = rate_puts_per_s
        self._interval_s = 1.0 / rate_puts_per_s
        self._burst_puts = max(BURST_MIN_PUTS, rate_puts_per_s * BURST_S)
        self._tolerance_s = (self._burst_puts - 1.0) * self._interval_s
