"""What calls are held back by: found second by second, from what they had to wait for. Pure.

Owns the verdict. Time and the processor's time are handed in; whoever paces calls says what each
wait was for.
"""

from collections.abc import Callable

from bulkput.model.progress import RateLimiter

LOOK_S = 1.0
"""Long enough for tens of calls at 50/s, short enough to see a throttle's effect."""

WAITED_SHARE = 0.5
"""Of a second: if the next call did not wait for half of it, it is not the pace that holds it
back."""

BUSY_SHARE = 0.85
"""Of a second of one processor, which is all that one event loop can have: the rest goes to what
the kernel lets others do in between."""

_OF_SLOTS = frozenset({RateLimiter.LINK, RateLimiter.IN_FLIGHT_MAX})


def no_cpu_s() -> float:
    """Return the same moment always: of a processor that is never busy."""
    return 0.0


class HeldBack:
    """Sums up waits, of which there is one at a time, and rates each second by them."""

    def __init__(self, cpu_s: Callable[[], float] = no_cpu_s) -> None:
        """Take what the event loop's thread has used of a processor from ``cpu_s``."""
        self._cpu_s = cpu_s
        self._waits_s: dict[RateLimiter, float] = {}
        self._since_s: float | None = None
        self._cpu_since_s = 0.0
        self._verdict: RateLimiter | None = None

    def waited(self, limiter: RateLimiter, spent_s: float) -> None:
        """Take note that the next call waited for this."""
        if spent_s > 0:
            self._waits_s[limiter] = self._waits_s.get(limiter, 0.0) + spent_s

    def verdict(self, now_s: float) -> RateLimiter | None:
        """Return what held calls back in the last whole second; None before there is one."""
        if self._since_s is None:
            self._begin(now_s)
        span_s = now_s - (self._since_s or 0.0)
        if span_s >= LOOK_S:
            self._verdict = self._rated(span_s, self._cpu_s() - self._cpu_since_s)
            self._begin(now_s)
        return self._verdict

    def _rated(self, span_s: float, cpu_s: float) -> RateLimiter:
        longest = max(self._waits_s, key=self._waits_s.__getitem__, default=RateLimiter.SOURCE)
        has_waited = sum(self._waits_s.values()) >= WAITED_SHARE * span_s
        # A processor that has no time for answers makes them late: slots are then short of it.
        is_pace = has_waited and longest not in _OF_SLOTS
        if not is_pace and cpu_s >= BUSY_SHARE * span_s:
            return RateLimiter.PROCESSOR
        return longest if has_waited else RateLimiter.SOURCE

    def _begin(self, now_s: float) -> None:
        self._since_s, self._cpu_since_s = now_s, self._cpu_s()
        self._waits_s.clear()
