"""The books on the service's own bucket, kept from one throttle to the next.

Owns what was served, in how much time, and what the bucket should have in it by a given limit.
Knows no phases and sets no rate.

A throttle shows that the bucket is empty. What is served from there to the next throttle is
therefore the limit; and what is served beyond the limit, with nothing left of what the bucket got
back before, proves that the limit is higher.
"""

MARGIN_S = 0.01
MARGIN_PUTS = 8
"""The books may be wrong by 8 puts and 10 ms of them: puts overtake each other on the way."""

CREDIT_MAX_S = 0.06
"""What the bucket can hold, for all we know: a quiet time adds no more than 60 puts at 1000/s."""

BOUND_MARGIN_S = 0.04
"""A loop or a service that stood still for 150 ms lets 40 ms of puts go unserved, with a bucket
that holds 100 ms."""


class BucketModel:
    """The model of one bucket; started anew at throttles."""

    def __init__(self) -> None:
        """Begin with nothing known: there was no throttle yet."""
        self._credit_puts = 0.0
        self._latest_sent_s: float | None = None
        self._served = 0
        self._serving_s = 0.0
        self._may_have_overflowed = True
        """Since the model was started: nobody emptied the bucket yet, or it was full meanwhile."""

    @property
    def age_s(self) -> float:
        """Time that passed under these books, silence left out."""
        return self._serving_s

    def pass_time(self, step_s: float) -> None:
        """Let time pass; the caller leaves out silence, which proves nothing."""
        self._serving_s += step_s

    def on_served(self, sent_s: float, limit_puts_per_s: float) -> None:
        """Enter a put that was served, dated by its sending.

        Puts that come back late are missing for a while, so nothing is ever proven too early.
        """
        self._served += 1
        if self._latest_sent_s is None:
            return
        if sent_s > self._latest_sent_s:
            gained = (sent_s - self._latest_sent_s) * limit_puts_per_s
            most = CREDIT_MAX_S * limit_puts_per_s
            self._may_have_overflowed |= self._credit_puts + gained > most
            self._credit_puts = min(most, self._credit_puts + gained)
            self._latest_sent_s = sent_s
        self._credit_puts -= 1

    def on_refused(self, sent_s: float) -> None:
        """Enter a put that found the bucket empty."""
        self._credit_puts = 0.0
        self._latest_sent_s = max(sent_s, self._latest_sent_s or sent_s)

    def restart(self) -> None:
        """Count what is served from here on, where the bucket is empty."""
        self._served, self._serving_s = 0, 0.0
        self._may_have_overflowed = False

    def proves_more_than(self, limit_puts_per_s: float) -> bool:
        """Return whether more was served than the limit allows."""
        return self._credit_puts <= -margin_puts(limit_puts_per_s)

    def has_credit(self, limit_puts_per_s: float) -> bool:
        """Return whether a throttle now comes as a surprise: the bucket should not be empty."""
        return self._credit_puts > margin_puts(limit_puts_per_s)

    def bound_puts_per_s(self, margin_puts: float) -> float:
        """Return the most that the limit can be, with the bucket empty at both ends."""
        if self._may_have_overflowed or self._serving_s <= 0:
            return float("inf")
        return (self._served + margin_puts) / self._serving_s


def margin_puts(limit_puts_per_s: float) -> float:
    """Return by how many puts the credit may be wrong."""
    return MARGIN_S * limit_puts_per_s + MARGIN_PUTS


def bound_margin_puts(limit_puts_per_s: float) -> float:
    """Return by how many puts a limit that was held may be underrated by what was served."""
    return BOUND_MARGIN_S * limit_puts_per_s + MARGIN_PUTS
