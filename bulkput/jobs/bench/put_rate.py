"""Puts a second from counts of puts in equal slots of time. Pure."""

from collections.abc import Sequence
from itertools import accumulate

_FIRST_SHARE, _LAST_SHARE = 0.25, 0.95
"""Of all puts: before it the number in flight is found and other processes start, and behind it
the last puts of each process end."""


def steady_rate_per_s(counts: Sequence[int], slot_s: float) -> float:
    """Return the rate between the start and the end of an upload; 0 of none.

    Args:
        counts: Puts answered in each slot, the first and the last not empty.
        slot_s: Length of a slot.
    """
    totals = list(accumulate(counts))
    if not totals:
        return 0.0
    whole = totals[-1]
    first = next(slot for slot, total in enumerate(totals) if total >= _FIRST_SHARE * whole)
    last = next(slot for slot, total in enumerate(totals) if total >= _LAST_SHARE * whole)
    if last == first:  # all of it came in a moment
        return whole / (len(totals) * slot_s)
    return (totals[last] - totals[first]) / ((last - first) * slot_s)
