"""How much a client wants, from what it sends: the rule by which processes of a host share too."""

from bulkput.pace.fair_share import HEADROOM, MEASURE_S, SATURATED_SHARE

LEAST_PER_S = 2.0
"""For one that sends nothing for now: four puts between two asks are enough to show that it begins
anew, and 90 such clients keep 18% of the smallest quota. No part of its own lease: that would
shrink from ask to ask until no put fits into it any more."""


class Demand:
    """What one process wants of one resource."""

    def __init__(self, most_per_s: float) -> None:
        """Begin as one that wants all that it may: ``most_per_s``, its snapshot's quota."""
        self._most = most_per_s
        self._measured: tuple[float, int] | None = None
        self._wants = most_per_s

    def measure(self, now_s: float, sent: int, leased_per_s: float) -> float:
        """Return what to ask for.

        Args:
            now_s: Of the same clock at all calls.
            sent: Calls so far.
            leased_per_s: In force since the last call of this.
        """
        if self._measured is None:
            self._measured = now_s, sent
        since_s, before = self._measured
        if now_s - since_s >= MEASURE_S:
            rate = (sent - before) / (now_s - since_s)
            is_saturated = rate >= SATURATED_SHARE * leased_per_s
            self._wants = min(
                self._most, self._most if is_saturated else max(LEAST_PER_S, rate * HEADROOM)
            )
            self._measured = now_s, sent
        return self._wants
