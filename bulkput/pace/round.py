"""One round of puts under one limit: how many came back, how fast, and whether the limit was felt.

Pure: starts and outcomes with their times come in. Knows no trial and decides nothing.
"""

import math

SATURATED_SHARE = 0.05
"""Of a round's time with all slots taken, for the limit to be what holds puts back: with slots for
``n`` puts and a need of ``m``, puts that come back together leave them all taken for 1 - n/m."""

ROUND_MIN_PUTS = 32
"""Outcomes in a round, at least; a round counts whole turns of all slots otherwise."""

ROUND_TURNS = 2
"""Times that every slot turns over in a round: an exact multiple, because puts that started
together come back together, and a cut through such a clump would be half a turn of error."""

SLOW_ROUND_S = 4.0
SLOW_ROUND_MIN_PUTS = 8
"""A round that takes so long ends with so many outcomes, in whole turns: at 2 puts a second 32
would take 16 s."""

OVERDUE_FACTOR = 3.0
"""A round that takes so many times what its outcomes took before is ended: what is learned is that
the rate fell, and on a link that narrowed its rest would take minutes."""


class Round:
    """What became of the puts that were sent since the round began."""

    def __init__(self) -> None:
        """Begin before all time."""
        self.sent_s = float("-inf")
        """Puts that were sent earlier are of no interest."""
        self.peak = 0
        """The most puts in flight."""
        self.peak_before = 0
        """The same of the round before."""
        self.has_fresh = False
        """Whether puts had to make connections in it, or in the one before that decided nothing."""
        self._full_since_s: float | None = None
        self.begin(self.sent_s)

    def begin(self, now_s: float) -> None:
        """Count from here on, only puts that are sent under the limit as it is now."""
        self.peak_before = self.peak
        self.sent_s = self._begin_s = now_s
        self._first_s: float | None = None
        self.peak = 0
        self._full_s = 0.0
        if self._full_since_s is not None:
            self._full_since_s = now_s
        self._forget()

    def _forget(self) -> None:
        self.acks = self.failures = 0
        self._timed = 0
        self._latencies_s = 0.0

    def on_start(self, now_s: float, in_flight: int, limit: int) -> None:
        """Learn that a put starts."""
        if self.peak == 0:
            self._begin_s = now_s  # time with nothing in flight belongs to no round
        self.peak = max(self.peak, in_flight)
        if in_flight >= limit and self._full_since_s is None:
            self._full_since_s = now_s

    def on_release(self, now_s: float, in_flight: int, limit: int) -> None:
        """Learn that a put ended."""
        if in_flight < limit and self._full_since_s is not None:
            self._full_s += now_s - self._full_since_s
            self._full_since_s = None

    def on_ack(self, now_s: float, latency_s: float, *, is_fresh: bool) -> None:
        """Count an acknowledged put; the latency of one that made its connection is ignored."""
        self.acks += 1
        if not is_fresh:
            self._timed += 1
            self._latencies_s += latency_s
        self._open(now_s)

    def on_failure(self, now_s: float) -> None:
        """Count a put that failed."""
        self.failures += 1
        self._open(now_s)

    def _open(self, now_s: float) -> None:
        if self._first_s is None:
            # The first outcome opens the round and is not counted: a rate needs intervals.
            self._first_s = now_s
            self._forget()

    @property
    def outcomes(self) -> int:
        """Puts that came back, but for the first."""
        return self.acks + self.failures

    def elapsed_s(self, now_s: float) -> float:
        """Return the time since the first outcome."""
        return 0.0 if self._first_s is None else now_s - self._first_s

    def is_over(self, now_s: float, limit: int, before_puts_per_s: float) -> bool:
        """Return whether enough came back under ``limit`` to know what it brings.

        Args:
            now_s: when the last outcome came.
            limit: of puts in flight.
            before_puts_per_s: what came back in the rounds before; 0 if unknown.
        """
        elapsed_s = self.elapsed_s(now_s)
        return elapsed_s > 0 and self.outcomes >= _needed_puts(elapsed_s, limit, before_puts_per_s)

    def is_saturated(self, now_s: float) -> bool:
        """Return whether the limit was what held puts back."""
        full_s = self._full_s
        if self._full_since_s is not None:
            full_s += now_s - self._full_since_s
        return full_s >= SATURATED_SHARE * (now_s - self._begin_s)

    @property
    def latency_s(self) -> float:
        """The mean latency of puts on connections that were there; not a number without any."""
        return self._latencies_s / self._timed if self._timed else math.nan


def _needed_puts(elapsed_s: float, limit: int, before_puts_per_s: float) -> int:
    """Return how many outcomes end a round that has taken ``elapsed_s``."""
    if elapsed_s < SLOW_ROUND_S:
        return max(ROUND_MIN_PUTS, ROUND_TURNS * limit)
    turns = max(ROUND_TURNS, -(-SLOW_ROUND_MIN_PUTS // limit))
    puts = turns * limit
    overdue_puts = elapsed_s * before_puts_per_s / OVERDUE_FACTOR
    return min(puts, SLOW_ROUND_MIN_PUTS) if overdue_puts > puts else puts
