"""How far apart puts start that share a link, so that they do not end together.

Pure: latencies come in, a time comes out. Puts that begin together share the link and end together,
and then it is idle until their answers have let the next ones begin.
"""

SPREAD_GAIN = 3.0
"""Puts start at most so many times as close as their latency and number say (Little). Without, on
12.5 MB/s with 0.1 s a turn and a fair share for each, a quarter of the time was lost; with a gain
of 2 it is 3%, with 3 it is 1% (the model in the tests)."""

SPREAD_MIN_S = 0.004
"""Of latency for each slot: at 250 puts a second and more there are so many that they do not stay
together, and timers of a millisecond would hold them back."""


class Spread:
    """The least time between the starts of two puts of one snapshot."""

    def __init__(self) -> None:
        """Begin with nothing known: puts may start together."""
        self._latency_s = 0.0

    def on_ack(self, latency_s: float) -> None:
        """Learn how long a put took."""
        self._latency_s = latency_s

    def spacing_s(self, limit: int) -> float:
        """Return it, for so many puts in flight."""
        share_s = self._latency_s / limit
        return share_s / SPREAD_GAIN if share_s >= SPREAD_MIN_S else 0.0
