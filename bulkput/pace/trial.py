"""A trial of another limit of puts in flight: what it changes, and whether that was worth it.

Pure: what was measured before and under it comes in, a verdict comes out. Knows no time.
"""

import math
from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import NamedTuple

ELASTICITY_MIN = 0.15
"""A doubling must bring 11% more puts a second (2 ** 0.15) to be worth its memory and latency.
On a link that is full it brings nothing, on one that is not it brings 100%."""

DOWN_KEEPS_SHARE = 0.98
"""Of the puts a second, for a smaller limit to be kept."""

CHANGED_SHARE = 0.2
"""Puts a second that differ by this share under one limit: the link or the service has changed."""

QUEUED_TRIAL_SHARE = 0.8
"""Of the growth of the limit, for the growth of the latency to be a queue's."""


class Step(Enum):
    """Which way a trial goes."""

    START = auto()
    UP = auto()
    DOWN = auto()


FACTOR: Mapping[Step, float] = MappingProxyType({Step.START: 2.0, Step.UP: 1.5, Step.DOWN: 0.8})


class Measured(NamedTuple):
    """What a round under one limit brought."""

    limit: int
    puts_per_s: float
    latency_s: float
    """Not a number where it is unknown."""


class Verdict(NamedTuple):
    """What came of a trial."""

    is_kept: bool
    puts_per_s: float
    """That a further trial of a kept limit is held against."""
    is_queued: bool = False
    """More slots made a queue, and nothing else."""
    is_changed: bool = False
    """It says nothing of the limit: what puts go through is not what it was."""


class Trial(NamedTuple):
    """Another limit than the one under which ``before`` was measured."""

    step: Step
    before: Measured

    def verdict(self, under: Measured) -> Verdict:
        """Judge by a round ``under`` the trial's limit."""
        base = self.before.puts_per_s
        if self.step is Step.DOWN:
            # Fewer cannot bring more of the same. And each step down is held against the start of
            # the descent: small losses would add up.
            is_changed = under.puts_per_s > (1 + CHANGED_SHARE) * base
            is_kept = under.puts_per_s >= base * DOWN_KEEPS_SHARE
            return Verdict(is_kept, max(under.puts_per_s, base), is_changed=is_changed)
        growth = under.limit / self.before.limit
        latency_growth = under.latency_s / self.before.latency_s
        if math.isnan(latency_growth):
            latency_growth = 1.0  # unknown: the rate decides
        is_queued = growth > 1 and latency_growth >= QUEUED_TRIAL_SHARE * growth
        # Two measures of the same (Little): noise that favours one must favour the other too.
        gain = min(under.puts_per_s / base, growth / latency_growth)
        return Verdict(gain >= growth**ELASTICITY_MIN, under.puts_per_s, is_queued)
