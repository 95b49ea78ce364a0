"""How fast the rate finds its new level after the service changed: one analysis for every change.

Pure: from a run's samples and its phases to figures.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.measure.series import Sample, rate_between, reached_after_s, throttled_share
from benchmarks.report.result import Figure, Reach

_SHARE = 0.95
_WITHIN_S = 10.0


class Phase(NamedTuple):
    """A stretch of a run under one limit."""

    name: str
    from_s: float
    limit_puts_per_s: float


def recovery_figures(
    samples: Sequence[Sample], phases: Sequence[Phase], end_s: float
) -> tuple[Figure, ...]:
    """Return when each phase but the first reached its limit, and whether it stayed there.

    A lucky moment is no recovery: the mean from ten seconds after the change to the phase's end
    has to hold the limit as well.
    """
    found = []
    for phase, stop_s in (
        (phase, after.from_s)
        for phase, after in pairwise([*phases, Phase("end", end_s, 0)])
        if phase is not phases[0]
    ):
        wanted = _SHARE * phase.limit_puts_per_s
        after_s = reached_after_s(samples, phase.from_s, stop_s, wanted)
        what = f"{phase.name}: {_SHARE:.0%} of the limit after"
        found.append(Figure(what, after_s, "s", Reach(at_most=_WITHIN_S)))
        settling_s = min(_WITHIN_S, (stop_s - phase.from_s) / 2)
        settled = rate_between(samples, phase.from_s + settling_s, stop_s) / phase.limit_puts_per_s
        what = f"{phase.name}: of the limit, from {settling_s:.0f} s on"
        found.append(Figure(what, settled, "", Reach(at_least=_SHARE)))
    return tuple(found)


def throttled_figure(samples: Sequence[Sample], at_most: float) -> Figure:
    """Return the share of throttled puts in the whole run."""
    return Figure("throttled, of all puts", throttled_share(samples), "", Reach(at_most=at_most))
