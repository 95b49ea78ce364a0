"""The process's side of its share of the account's quota: kept to at every moment.

The process goes by the time that its share runs out itself: whoever renews it may hang.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bulkput.fleet.lease import Resource
from bulkput.fleet.protocol import SetShare
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.jobs.session.context import JobContext
from bulkput.model.clock import boottime_s
from bulkput.pace.call_gate import SharedCallGate

LOOK_S = 0.25
"""A share that has run out is noticed within this. What starts meanwhile is in the hundredth by
which a lease is taken to be shorter than it is: 0.2 s of 20 s."""


_IN_LANES = {Resource.PUTS: CallKind.PUTS, Resource.GETS: CallKind.GETS}


@dataclass(frozen=True)
class Paced:
    """What paces one process's calls."""

    context: JobContext
    """Its pacers of puts and gets."""
    lanes: LanePool | None
    """Processes that put beside this one."""
    gates: Mapping[Resource, SharedCallGate]
    """Of the rare calls; snapshots are started only with a permit."""


class ShareInForce:
    """The share that one process keeps to."""

    def __init__(self, message: SetShare, now_s: Callable[[], float] = boottime_s) -> None:
        """Begin with a share, of which nothing is used yet; ``now_s`` is what it runs out by."""
        self._message = message
        self._now_s = now_s
        self._paced: Paced | None = None
        self._applied: dict[Resource, float] = {}

    def pace(self, paced: Paced) -> None:
        """Set the pace of these from now on."""
        self._paced, self._applied = paced, {}
        self.apply()

    def set(self, message: SetShare) -> None:
        """Keep to another share from now on."""
        self._message = message
        self.apply()

    @property
    def is_lost(self) -> bool:
        """Whether nothing may be used any more, until another share comes or for ever."""
        return self._message.share.is_lost(self._now_s())

    def held_s(self) -> dict[Resource, float]:
        """Return for how long puts and gets so far waited for this share, and for nothing else."""
        paced = self._paced
        if paced is None:
            return {}
        context, lanes = paced.context, paced.lanes
        now_s = context.clock.monotonic_s()
        if lanes is not None:
            return {resource: lanes.held_s(kind, now_s) for resource, kind in _IN_LANES.items()}
        return {
            Resource.PUTS: context.account.held_s(now_s),
            Resource.GETS: context.get_account.held_s(now_s),
        }

    def apply(self) -> None:
        """Set all that paces calls to what may be used now."""
        paced = self._paced
        if paced is None:
            return
        allowed = self._allowed(paced.context)
        if allowed == self._applied:
            return
        self._applied = allowed
        clock_s = paced.context.clock.monotonic_s()
        if paced.lanes is None:
            paced.context.account.set_ceiling(clock_s, allowed[Resource.PUTS])
            paced.context.get_account.set_ceiling(clock_s, allowed[Resource.GETS])
        else:
            for resource, kind in _IN_LANES.items():
                paced.lanes.set_ceiling(kind, allowed[resource])
        for resource, gate in paced.gates.items():
            gate.set_rate(allowed[resource])

    def _allowed(self, context: JobContext) -> dict[Resource, float]:
        now_s = self._now_s()
        allowed = {each: self._message.share.may_use(now_s, each) for each in Resource}
        if now_s >= self._message.permit_until_s:
            allowed[Resource.STARTS] = 0.0
        if context.fence.pause_s() > 0:  # another may have the upload: puts see to it themselves
            allowed |= {Resource.STARTS: 0.0, Resource.COMPLETES: 0.0}
        return allowed

    async def until_lost(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Go by the time, until nothing may be used any more."""
        while not self.is_lost:
            await sleep(LOOK_S)
            self.apply()
