"""The rate that one quota of the service bears, found below a ceiling.

Pure: outcomes and their times come in, a rate comes out. Knows no bucket and no waiting.

A throttle starts an event: the rate is cut at once, and everything that was sent between that put
and the cut tells, as it comes back, which share of the rate the service accepted. That share times
the rate is the limit. From below it the rate then follows the cubic of RFC 9438 (CUBIC) through
the limit: quick at first, flat around the limit, and ever quicker beyond it.
"""

TARGET_SHARE = 0.995
"""Of the ceiling: half a percent lets the service's bucket refill what jitter on the way took,
and leaves 1.5% of the 2% that a good run may lose."""

CUT_SHARE = 0.95
"""Of the limit, right after an event: refills a bucket of 10 tokens at 1000/s within 0.2 s."""

CLIMB_MIN_S = 1.7
"""From the cut up to the limit, at least. The cubic then passes 950/300 of the limit another
((950/300 - 1) / (0.05 / 1.7 ** 3)) ** (1/3) = 6 s later."""

CLIMB_PUTS = 200
CLIMB_LATENCIES = 8
"""A climb takes at least the time of so many puts and so many latencies, added: each ends in a try
beyond the limit, which costs one throttle and a share of what is sent until its answer is back."""

USED_SHARE = 0.7
"""A rate is tried, and may grow, only while this share of it is sent."""

BASE_HEADROOM = 1.6
"""The rate that an event starts from is at most this much above what was really sent: where slots
held puts back, as right after the start, a share of the rate allowed would say nothing."""

WINDOW_S = 0.25
"""Over which the sent rate is counted: 25 puts at 100/s, and known a quarter of a second after the
start, before the first throttles of an unknown quota come in."""

STEP_MAX_S = 0.1
"""Longest time between outcomes that counts as growth: silence proves nothing."""

PRIOR_PUTS = 20
"""Accepted puts assumed at the start of an event, so that one throttle is no estimate; the more
is known, the fewer."""

LATENCY_GAIN = 0.02
"""Weight of one put in the mean latency: about the last 50."""

RATE_MIN_PUTS_PER_S = 1.0
"""Below it a wait would be longer than any throttle lasts."""


class RateController:
    """Follows the limit of one quota; one for a snapshot, one for the account."""

    def __init__(self, ceiling_puts_per_s: float) -> None:
        """Start at the ceiling: the quota that is known is the best guess there is."""
        self._top = ceiling_puts_per_s * TARGET_SHARE
        self._least = min(RATE_MIN_PUTS_PER_S, self._top)
        self._rate = self._top
        self._limit = self._top
        self._used_s = 0.0
        self._latency_s = 0.0
        self._last_s: float | None = None
        self._event_sent_s = float("inf")
        self._event_cut_s = float("-inf")
        self._event_rate = self._top
        self._lowered_s = float("-inf")
        self._event_accepted = 0
        self._event_throttled = 0
        self._window_start_s: float | None = None
        self._window_outcomes = 0
        self._sent_rate: float | None = None

    @property
    def rate_puts_per_s(self) -> float:
        """The rate to send at now."""
        return self._rate

    def set_ceiling(self, ceiling_puts_per_s: float) -> None:
        """Change the ceiling, and what was found below it in proportion.

        For one of several who share a quota: what one leaves, of the quota as it was found, the
        others get.
        """
        scale = ceiling_puts_per_s * TARGET_SHARE / self._top
        self._top *= scale
        self._limit *= scale
        self._rate *= scale
        self._event_rate *= scale
        self._least = min(RATE_MIN_PUTS_PER_S, self._top)

    def on_ack(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was accepted."""
        self._count(now_s)
        self._latency_s += LATENCY_GAIN * (now_s - sent_s - self._latency_s)
        if self._event_sent_s <= sent_s < self._event_cut_s:
            self._event_accepted += 1
            self._estimate(now_s)
        if self._rate < self._top:
            self._grow(now_s)
        self._last_s = now_s

    def on_throttle(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was refused by this quota."""
        self._count(now_s)
        if sent_s >= self._lowered_s:
            self._event_sent_s = sent_s
            self._event_cut_s = now_s
            self._event_rate = self._rate
            if self._sent_rate is not None:
                self._event_rate = min(self._rate, self._sent_rate * BASE_HEADROOM)
            self._event_accepted = 0
            self._event_throttled = 0
            self._used_s = 0.0
            self._estimate(now_s)
        elif self._event_sent_s <= sent_s < self._event_cut_s:
            self._event_throttled += 1
            self._estimate(now_s)
        self._last_s = now_s

    def _estimate(self, now_s: float) -> None:
        # The throttle that began the event is not counted: it chose where the count begins.
        outcomes = self._event_accepted + self._event_throttled
        prior = PRIOR_PUTS * PRIOR_PUTS / (PRIOR_PUTS + outcomes)
        share = (self._event_accepted + prior) / (outcomes + prior)
        self._limit = max(self._least, self._event_rate * share)
        before = self._rate
        self._follow()
        if self._rate < before:
            self._lowered_s = now_s

    def _grow(self, now_s: float) -> None:
        if self._last_s is None or self._sent_rate is None:
            return
        if self._sent_rate >= USED_SHARE * self._rate:
            self._used_s += min(STEP_MAX_S, max(0.0, now_s - self._last_s))
            self._follow()

    def _follow(self) -> None:
        """Set the rate to the cubic's value."""
        tries_s = CLIMB_PUTS / self._limit + CLIMB_LATENCIES * self._latency_s
        climb_s = max(CLIMB_MIN_S, tries_s)
        factor = 1.0 + (1.0 - CUT_SHARE) * (self._used_s / climb_s - 1.0) ** 3
        self._rate = min(self._top, max(self._least, self._limit * factor))

    def _count(self, now_s: float) -> None:
        if self._window_start_s is None:
            self._window_start_s = now_s
        elapsed_s = now_s - self._window_start_s
        if elapsed_s >= WINDOW_S:
            self._sent_rate = self._window_outcomes / elapsed_s
            self._window_start_s = now_s
            self._window_outcomes = 0
        self._window_outcomes += 1
