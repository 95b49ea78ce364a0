"""Several rounds of one measurement, summed up. Pure arithmetic."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")


class Spread(NamedTuple):
    """Median of several rounds, with the extremes that say how far to trust it."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the extremes of at least one value."""
    return Spread(median(values), min(values), max(values))


def rotated(items: Sequence[_T], by: int) -> list[_T]:
    """Return ``items`` beginning at another one each round, so that nobody is always first."""
    if not items:
        return []
    start = by % len(items)
    return [*items[start:], *items[:start]]
