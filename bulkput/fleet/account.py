"""The account of a run: its quota at the actor, and what EC2 reports of its pending snapshots.

What cannot be asked costs no volume that works: it goes by its lease, and no other starts.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bulkput import __version__
from bulkput.ebs.probe import Probe
from bulkput.ebs.snapshot import FoundSnapshot
from bulkput.fleet.cluster import answered
from bulkput.fleet.lease import Amounts, Resource
from bulkput.fleet.permits import PermitAnswer
from bulkput.fleet.protocol import Leave
from bulkput.jobs.session.context import JobContext
from bulkput.model.errors import BulkputError, ConfigError, Problem
from bulkput.model.events import Noted
from bulkput.pace.call_gate import RARE_CALLS_PER_S

SEE_S = 30.0
"""Between two looks at EC2: four of them free the place of a volume that vanished."""
SEE_WAIT_S = 2.0
"""For EC2's answer, which takes a tenth of a second; one that comes later is taken at another look.
"""
IDENTITY_WAIT_S = 5.0
"""For the answer of STS, which a private network may have no way to."""


async def account_name(context: JobContext) -> str:
    """Return the name of the account and Region that a job puts to.

    AWS counts by the account, whatever profile and endpoint lead to it. Another service counts by
    nobody knows what: it is named by how it is opened, and so is AWS if STS does not answer.
    """
    service = context.service
    opened_by = f"{service.endpoint_url} {service.region} {context.settings.profile or '-'}"
    if not service.is_aws:
        return opened_by
    number = ""
    with suppress(BulkputError, TimeoutError):
        async with asyncio.timeout(IDENTITY_WAIT_S):
            number = (await Probe(service).identity()).account_id
    if number:
        return f"{number} {service.region}"
    what = "STS does not report which account this is: a run of it by another profile or endpoint"
    context.observer.on_event(Noted("", f"{what} would not share its quota", warning=True))
    return opened_by


@dataclass
class Account:
    """As one run uses it."""

    context: JobContext
    name: str
    actor: Any
    """Of the quota."""
    pending: tuple[FoundSnapshot, ...] = field(default=(), init=False)
    """All of the account's in the Region, as EC2 last reported them."""
    _asked_s: float = field(default=float("-inf"), init=False)
    _seeing: "asyncio.Task[None] | None" = field(default=None, init=False)
    _is_new: bool = field(default=False, init=False)
    """The actor has not heard of what EC2 reported."""
    _is_same_version: bool = field(default=False, init=False)

    @property
    def capacity(self) -> Amounts:
        """What the job may use of what the account has."""
        rare_per_s = RARE_CALLS_PER_S * self.context.settings.tuning.quota_share
        return {
            Resource.PUTS: self.context.rate_limits.account_puts_per_s,
            Resource.GETS: self.context.get_rate_limits.account_gets_per_s,
            Resource.STARTS: rare_per_s,
            Resource.COMPLETES: rare_per_s,
        }

    async def begin(self, clients: Collection[str]) -> bool:
        """Make the account known to the actor, also to one that was started again.

        Returns:
            Whether its quota is in force: not while other runs go by another one.

        Raises:
            ConfigError: the actor is of another version.
        """
        await self._require_same_version()
        given = self.name, self.capacity, list(clients)
        return bool(await answered(self.actor.begin, *given))

    async def _require_same_version(self) -> None:
        """Return if the actor, which outlives runs, speaks as this program does."""
        if self._is_same_version:
            return
        ask = getattr(self.actor, "version", None)  # an actor that has no such question is older
        theirs = "an earlier bulkput" if ask is None else f"bulkput {await answered(ask)}"
        ours = f"bulkput {__version__}"
        if theirs != ours:
            text = (
                f"the quota's actor on the cluster's head is of {theirs}, and this run of {ours}: "
                "they must match. After an update, start the cluster anew"
            )
            raise ConfigError((Problem("fleet.address", text),))
        self._is_same_version = True

    async def find_pending(self, now_s: float) -> None:
        """Ask EC2 which snapshots are pending, if that is due, and wait a moment for its answer.

        A service that is slow, and repeated calls, keep nobody from all else that a run is about.
        """
        if self._seeing is None and now_s >= self._asked_s + SEE_S:
            self._asked_s = now_s
            self._seeing = asyncio.create_task(self._find_pending())
        if self._seeing is not None:
            await asyncio.wait({self._seeing}, timeout=SEE_WAIT_S)
            if self._seeing.done():
                seeing, self._seeing = self._seeing, None
                seeing.result()

    async def _find_pending(self) -> None:
        snapshots = self.context.snapshots(self.context.retrier("fleet"), "fleet")
        try:
            self.pending = tuple(await snapshots.list_pending())
        except BulkputError as error:
            if self.context.is_without_service(error):
                raise  # no place becomes free, however long it is waited for
        else:  # of others it is asked again; until then no place becomes free
            self._is_new = True

    async def see_pending(self, now_s: float) -> None:
        """Let the actor know which snapshots are pending, as ``find_pending`` finds them."""
        await self.find_pending(now_s)
        if self._is_new:
            age_s = self.context.clock.monotonic_s() - self._asked_s
            found = [each.snapshot_id for each in self.pending]
            await answered(self.actor.seen_pending, self.name, age_s, found)
            self._is_new = False

    async def close(self) -> None:
        """End what is under way."""
        if self._seeing is not None:
            self._seeing.cancel()
            await asyncio.gather(self._seeing, return_exceptions=True)

    async def free_permits(self) -> int:
        """Return how many more volumes may start."""
        return int(await answered(self.actor.free_permits, self.name))

    async def take_permit(self, permit: str, client: str, snapshot_id: str | None) -> bool:
        """Return whether a volume may start; with its pending snapshot it takes that place over."""
        asked = self.name, permit, client, snapshot_id
        return await answered(self.actor.take_permit, *asked) is PermitAnswer.GRANTED

    async def leave(self, client: str, permit: str) -> None:
        """Free what an attempt had that is known to have ended without doing so."""
        leave = Leave(client, permit, is_pending=True)
        with suppress(BulkputError):  # it also runs out
            await answered(self.actor.leave, self.name, leave)
