"""Puts over time: rates and recoveries computed from samples of a server's counters.

Pure arithmetic; knows nothing of servers or clocks.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

_WINDOW_S = 2.0
"""A rate counts as reached when this much time has passed at it: short enough to date a recovery
to a second, long enough not to take one lucky burst for it."""

_STEP_S = 0.25


class Sample(NamedTuple):
    """A server's counters at one moment; both only grow."""

    at_s: float
    accepted: int
    throttled: int


def accepted_at(samples: Sequence[Sample], at_s: float) -> float:
    """Return the puts accepted until ``at_s``, interpolated between the samples around it."""
    after = bisect_right(samples, at_s, key=lambda sample: sample.at_s)
    if after == 0:
        return float(samples[0].accepted)
    if after == len(samples):
        return float(samples[-1].accepted)
    left, right = samples[after - 1], samples[after]
    share = (at_s - left.at_s) / (right.at_s - left.at_s)
    return left.accepted + share * (right.accepted - left.accepted)


def rate_between(samples: Sequence[Sample], start_s: float, stop_s: float) -> float:
    """Return accepted puts per second between two moments."""
    return (accepted_at(samples, stop_s) - accepted_at(samples, start_s)) / (stop_s - start_s)


def reached_after_s(
    samples: Sequence[Sample], start_s: float, stop_s: float, rate_puts_per_s: float
) -> float | None:
    """Return how long after ``start_s`` a window at ``rate_puts_per_s`` or more begins.

    None if that never happens before ``stop_s``.
    """
    steps = int((stop_s - start_s - _WINDOW_S) / _STEP_S)
    for step in range(steps + 1):
        from_s = start_s + step * _STEP_S
        if rate_between(samples, from_s, from_s + _WINDOW_S) >= rate_puts_per_s:
            return from_s - start_s
    return None


def throttled_share(samples: Sequence[Sample]) -> float:
    """Return the share of throttled puts among all that were answered between first and last."""
    throttled = samples[-1].throttled - samples[0].throttled
    accepted = samples[-1].accepted - samples[0].accepted
    return throttled / (throttled + accepted) if throttled + accepted else 0.0


def per_second(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Return (middle of the second, accepted puts per second), whole seconds only."""
    first_s = samples[0].at_s
    seconds = int(samples[-1].at_s - first_s)
    return [
        (second + 0.5, rate_between(samples, first_s + second, first_s + second + 1))
        for second in range(seconds)
    ]
