"""What one volume's process wants of the quota, from its phase and from what its calls wait for.

Pure. The rule is that by which processes of a host share: whoever its share holds back wants all.
"""

import math
from collections.abc import Callable, Mapping

from bulkput.fleet.lease import Amounts, Resource
from bulkput.fleet.protocol import VolumeProgress
from bulkput.model.progress import CallCounts, Phase, Progress
from bulkput.pace.call_gate import RARE_CALLS_PER_S
from bulkput.pace.demand import Demand, Use

LEAST_PER_S = 0.5
"""For one whose source has nothing to send for now: two puts may start at once when it has again,
and that the third waits is noticed. 90 such clients keep 4.5% of the smallest quota. No part of its
own lease: that would shrink from ask to ask until no put fits into it any more."""

_PHASES: dict[Resource, frozenset[Phase]] = {
    Resource.PUTS: frozenset({Phase.UPLOADING}),
    Resource.GETS: frozenset({Phase.READING_PARENT, Phase.COMPARING, Phase.VERIFYING}),
    Resource.STARTS: frozenset({Phase.PREPARING, Phase.READING_PARENT, Phase.STARTING}),
    Resource.COMPLETES: frozenset({Phase.SEALING}),
}
"""In which a volume makes calls of a kind: it begins them as one that can use all there is. In
others it wants nothing, until a call waits nevertheless."""

_COUNTS: dict[Resource, Callable[[Progress], CallCounts]] = {
    Resource.PUTS: lambda progress: progress.puts,
    Resource.GETS: lambda progress: progress.gets,
}
"""Calls of which there are so many that what is wanted can be measured."""


class Wants:
    """Of one process."""

    def __init__(self, most: Mapping[Resource, float], progress: Progress) -> None:
        """Begin where ``progress`` is.

        Args:
            most: The quotas of a snapshot, in puts and gets a second.
            progress: Of a process that has made no calls yet.
        """
        self._most = dict(most)
        self._phase = progress.phase
        self._demands = {
            resource: Demand(self._first(resource, progress.phase)) for resource in _COUNTS
        }
        self.amounts: Amounts = self._amounts()
        """A second, to ask for now."""

    def learn(self, now_s: float, counted: VolumeProgress) -> bool:
        """Learn what the process does; return whether that is to be asked for at once."""
        progress, phase_before, before = counted.progress, self._phase, self.amounts
        self._phase = progress.phase
        for resource, counts in _COUNTS.items():
            is_now = self._is_in(resource, progress.phase)
            if is_now is not self._is_in(resource, phase_before):
                self._demands[resource] = Demand(self._first(resource, progress.phase))
            use = Use(counts(progress).attempted, counted.held_s.get(resource, 0.0))
            self._demands[resource].measure(now_s, use, LEAST_PER_S if is_now else 0.0)
        self.amounts = self._amounts()
        return any(self._is_all(each) and before[each] < self.amounts[each] for each in Resource)

    def _amounts(self) -> dict[Resource, float]:
        amounts = {
            # Of the rare calls all there is, so that who is alone hardly waits.
            resource: RARE_CALLS_PER_S if self._is_in(resource, self._phase) else 0.0
            for resource in Resource
        }
        for resource, demand in self._demands.items():
            amounts[resource] = min(self._most[resource], demand.per_s)
        return amounts

    def _is_all(self, resource: Resource) -> bool:
        demand = self._demands.get(resource)
        return demand is None or math.isinf(demand.per_s)

    def _first(self, resource: Resource, phase: Phase) -> float:
        return math.inf if self._is_in(resource, phase) else 0.0

    @staticmethod
    def _is_in(resource: Resource, phase: Phase) -> bool:
        return phase in _PHASES[resource]
