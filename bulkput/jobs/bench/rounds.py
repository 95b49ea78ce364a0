"""Work done again and again for a short time, in rounds: the median round counts.

Blocking; a measurement runs in a thread of its own.
"""

import statistics
import time
from collections.abc import Callable, Iterator

ROUNDS = 3
"""Of three, one that something else of the machine disturbed does not count."""


def median_rate(work: Callable[[], int], budget_s: float) -> float:
    """Return how much ``work`` does a second, by the median of some rounds.

    Args:
        work: Does a piece of at most some milliseconds and returns its size; once is warming up.
        budget_s: Of all rounds together; each does one piece at least.
    """
    work()
    return statistics.median(_rates(work, budget_s / ROUNDS))


def _rates(work: Callable[[], int], round_s: float) -> Iterator[float]:
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        done = elapsed_s = 0.0
        while not done or elapsed_s < round_s:
            done += work()
            elapsed_s = time.perf_counter() - began_s
        yield done / max(elapsed_s, 1e-9)
