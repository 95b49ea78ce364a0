"""The rate that one quota of the service bears, found below a ceiling.

Pure: outcomes and their times come in, a rate comes out. Knows no bucket of its own, no waiting.

A throttle is followed by a dip that gives the service's bucket a little back, a rest just below the
limit, and a probe just above it, which spends what was given back. Then a throttle confirms the
limit, for the price of a put or two. If none comes and the books prove that the limit is higher,
the rate grows, its excess doubling. A throttle that ends a growth, or the first of all, is answered
by a deep cut, until the answers that are on their way have shown what the service serves.
"""

from bulkput.pace.bucket_model import BucketModel, bound_margin_puts, margin_puts
from bulkput.pace.sent_rate import SentRate

TARGET_SHARE = 0.995
"""Of the ceiling: half a percent lets the service's bucket refill what jitter on the way took,
and leaves 1.5% of the 2% that a good run may lose."""

DIP_SHARE = 0.9
DIP_S = 0.2
"""After a throttle the bucket gets 8 tokens back at 400/s, 20 at 1000/s: what puts that overtake
each other by 20 ms take from it."""

REST_SHARE = 0.99
REST_S = 2.0
REST_PUTS = 300
REST_LATENCIES = 8
"""A rest takes so long, at least so many puts, and so many latencies: each ends in a probe, which
costs one throttle and PROBE_SHARE of what is sent until its answer is back."""

REST_MAX_S = 10.0
"""Below 30/s those puts would take longer, and a limit that is back is not to wait for minutes."""

PROBE_SHARE = 0.04
"""Beyond the limit: 1.6 puts of one latency at 400/s and 100 ms. The 7% of a second's puts that
dip, rest and margin add up to are spent after 1.8 s."""

PROBE_S = 4.0
"""In which a probe proves that the limit is higher, for the price of 8 throttles; 4% of 1/s would
take 200 s."""

DOUBLING_S = 0.6
DOUBLING_LATENCIES = 4
"""In which a growth's excess over the old limit doubles: from 4% to 950/300 are 5.8 of them, 3.5 s.
A bucket of 100 ms that is full is empty again after two, at an excess of 15%."""

NEAR_FACTOR = 1.25
"""A growth that ends no further above the old limit leaves it between the two: the middle is 12%
off at most. What is too high is corrected by the next throttle, what is too low takes a cycle."""

UNPROVEN_SHARE = 0.5
"""Of the rate, for one latency, where the limit may be anywhere below it: 20 puts at 400/s and
100 ms, most of which the bucket keeps."""

FRESH_MARGIN_PUTS = 5
"""By which the books may underrate a limit that was never held."""

SHARE_MIN_PUTS = 10
"""Outcomes before what was accepted says anything: one latency at 100/s and 100 ms."""

LOWER_SHARE = 0.97
LOWER_EVERY_S = 0.25
"""Of the limit, if even the rest below it is throttled, once for all throttles that come together:
the last 13% that the books leave of a fall are gone after 1.1 s."""

FRESH_S = 0.5
"""BucketModel older than this begin anew at a throttle: a limit that fell is not averaged away."""

USED_SHARE = 0.7
"""A rate may grow only while this share of it is sent."""

HELD_SHARE = 0.9
"""A ceiling of which this share was sent for the time of a rest is a limit that was held."""

BASE_HEADROOM = 1.6
"""The rate that a throttle ends is at most this much above what was really sent: where slots held
puts back, as right after the start, the rate allowed would say nothing."""

RATE_MIN_PUTS_PER_S = 1.0
"""Below it a wait would be longer than any throttle lasts."""

_DOUBLINGS_MAX = 60.0
"""Keeps ``2 ** n`` finite; every ceiling is reached long before."""


class RateController:
    """Follows the limit of one quota; one for a snapshot, one for the account."""

    def __init__(self, ceiling_puts_per_s: float) -> None:
        """Start at the ceiling: the quota that is known is the best guess there is."""
        self._top = ceiling_puts_per_s * TARGET_SHARE
        self._least = min(RATE_MIN_PUTS_PER_S, self._top)
        self._rate = self._limit = self._top
        self._grown_from: float | None = self._least
        """While the limit is unknown, what it is above; None while one is held."""
        self._event_least = self._least
        self._is_fresh = True
        self._since_s = 0.0
        self._cut_s = float("-inf")
        self._lowered_s = float("-inf")
        self._unproven_rate: float | None = None
        self._reached = self._top
        self._refused_sent_s = float("inf")
        self._accepted = self._refused = 0
        """Of the puts sent at the rate that a deep cut ended, from the first refused one on."""
        self._books = BucketModel()
        self._sent = SentRate()

    @property
    def rate_puts_per_s(self) -> float:
        """The rate to send at now."""
        return self._rate

    @property
    def is_lowered(self) -> bool:
        """Whether throttles hold the rate below the ceiling."""
        return self._rate < self._top

    def set_ceiling(self, ceiling_puts_per_s: float) -> None:
        """Change the ceiling, and what was found below it in proportion.

        For one of several who share a quota: what one leaves, of the quota as it was found, the
        others get.
        """
        scale = ceiling_puts_per_s * TARGET_SHARE / self._top
        self._top *= scale
        self._limit *= scale
        self._rate *= scale
        self._event_least *= scale
        self._reached *= scale
        if self._grown_from is not None:
            self._grown_from *= scale
        if self._unproven_rate is not None:
            self._unproven_rate *= scale
        self._least = min(RATE_MIN_PUTS_PER_S, self._top)

    def on_ack(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was accepted."""
        step_s = self._count(now_s)
        self._sent.took(now_s - sent_s)
        self._books.on_served(sent_s, self._limit)
        if sent_s < self._cut_s:
            self._rate_by_sent(sent_s, accepted=1)
        elif self._unproven_rate is not None:
            self._unproven_rate = None
        if self._rate < self._top:
            self._advance(step_s)
        elif self._grown_from is not None and self._is_used(HELD_SHARE):
            self._since_s += step_s
            if self._since_s >= REST_S:
                self._hold_top()

    def on_throttle(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was refused by this quota."""
        self._count(now_s)
        is_new = sent_s >= self._cut_s
        is_doubtful = is_new and self._books.has_credit(self._limit)
        if is_new:
            self._begin(now_s, sent_s, is_doubtful=is_doubtful)
        self._rate_by_sent(sent_s, refused=1)
        if not is_doubtful:
            margin = FRESH_MARGIN_PUTS if self._is_fresh else bound_margin_puts(self._limit)
            bound = self._books.bound_puts_per_s(margin)
            self._limit = max(self._event_least, min(self._limit, bound))
        if is_new and self._books.age_s > FRESH_S:
            self._books.restart()
        self._books.on_refused(sent_s)
        self._follow()

    def _begin(self, now_s: float, sent_s: float, *, is_doubtful: bool) -> None:
        """Answer the first throttle of a put that was sent after the last cut."""
        self._event_least = self._least
        self._refused_sent_s = float("inf")
        if self._grown_from is not None:
            self._end_growth(now_s, sent_s, self._grown_from)
        elif self._since_s >= self._rest_s():
            self._is_fresh = False
            self._lowered_s = now_s
        elif not is_doubtful and now_s - self._lowered_s >= LOWER_EVERY_S:
            self._limit *= LOWER_SHARE
            self._lowered_s = now_s
        self._cut_s = now_s
        self._since_s = 0.0

    def _end_growth(self, now_s: float, sent_s: float, grown_from: float) -> None:
        sent = self._sent.puts_per_s
        reached = self._rate if sent is None else min(self._rate, sent * BASE_HEADROOM)
        self._is_fresh = reached > NEAR_FACTOR * grown_from
        if self._is_fresh:
            self._limit = self._reached = max(grown_from, reached)
            self._unproven_rate = max(grown_from, UNPROVEN_SHARE * reached)
            self._refused_sent_s = sent_s
            self._accepted = self._refused = 0
        else:
            self._limit = (grown_from + max(grown_from, reached)) / 2
        self._event_least = grown_from
        self._grown_from = None
        self._lowered_s = now_s
        self._books.restart()

    def _rate_by_sent(self, sent_s: float, *, accepted: int = 0, refused: int = 0) -> None:
        """Rate the limit by what was accepted of the puts sent until the deep cut, in their time.

        The time at which answers come says less: while connections are opened, those of puts sent
        in a tenth of a second are spread over half a second.
        """
        if sent_s < self._refused_sent_s:
            return
        self._accepted += accepted
        self._refused += refused
        outcomes = self._accepted + self._refused
        if outcomes >= SHARE_MIN_PUTS:
            sending_s = self._cut_s - self._refused_sent_s
            # Puts of one instant say nothing: those that the bucket refuses would be all of them.
            by_time = (self._accepted + FRESH_MARGIN_PUTS) / max(sending_s, 1e-3)
            self._limit = max(self._event_least, min(self._reached, by_time))

    def _advance(self, step_s: float) -> None:
        """Go on in the cycle, and grow where the books allow it."""
        if self._grown_from is None:
            self._since_s += step_s
            if self._since_s >= self._rest_s() and self._books.proves_more_than(self._limit):
                self._grown_from = self._limit
                self._since_s = 0.0
        elif self._is_used(USED_SHARE):
            self._since_s += step_s
        self._follow()

    def _follow(self) -> None:
        """Set the rate to what the phase asks for."""
        if self._grown_from is not None:
            doubling_s = max(DOUBLING_S, DOUBLING_LATENCIES * self._sent.latency_s)
            doublings = min(_DOUBLINGS_MAX, self._since_s / doubling_s)
            rate = self._grown_from * (1.0 + _probe_share(self._grown_from) * 2.0**doublings)
            if rate >= self._top:
                self._hold_top()
        elif self._unproven_rate is not None:
            rate = min(self._unproven_rate, self._limit)
        elif self._since_s < DIP_S:
            rate = self._limit * DIP_SHARE
        elif self._since_s < self._rest_s():
            rate = self._limit * REST_SHARE
        else:
            rate = self._limit * (1.0 + _probe_share(self._limit))
        self._rate = min(self._top, max(self._least, rate))

    def _hold_top(self) -> None:
        # What was served on the way up was less than the limit, and bounds it by nothing.
        self._books = BucketModel()
        self._refused_sent_s = float("inf")
        self._limit = self._top
        self._grown_from = None
        self._is_fresh = False
        self._since_s = float("inf")

    def _rest_s(self) -> float:
        latencies_s = REST_LATENCIES * self._sent.latency_s
        return min(REST_MAX_S, max(REST_S, REST_PUTS / self._limit, latencies_s))

    def _is_used(self, share: float) -> bool:
        sent = self._sent.puts_per_s
        return sent is not None and sent >= share * self._rate

    def _count(self, now_s: float) -> float:
        step_s = self._sent.count(now_s, self._rate)
        self._books.pass_time(step_s)
        return step_s


def _probe_share(limit_puts_per_s: float) -> float:
    """Return the share beyond the limit at which a probe proves more within ``PROBE_S``."""
    return max(PROBE_SHARE, margin_puts(limit_puts_per_s) / limit_puts_per_s / PROBE_S)
