"""The account of a run: its quota at the actor, and what EC2 reports of its pending snapshots.

What cannot be asked costs no volume that works: it goes by its lease, and no other starts.
"""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from bulkput.fleet.cluster import answered
from bulkput.fleet.lease import Amounts, Resource
from bulkput.fleet.permits import PermitAnswer
from bulkput.fleet.protocol import Leave
from bulkput.jobs.session.context import JobContext
from bulkput.model.errors import BulkputError
from bulkput.pace.call_gate import RARE_CALLS_PER_S

SEE_S = 30.0
"""Between two looks at EC2: four of them free the place of a volume that vanished."""


def account_name(context: JobContext) -> str:
    """Return the name of the account and Region that a job puts to: by what it is opened with."""
    service = context.service
    return f"{service.endpoint_url} {service.region} {context.settings.profile or '-'}"


@dataclass
class Account:
    """As one run uses it."""

    context: JobContext
    name: str
    actor: Any
    """Of the quota."""
    _seen_s: float = float("-inf")

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
        """
        call = self.actor.begin.remote(self.name, self.capacity, list(clients))
        return bool(await answered(call))

    async def see_pending(self, now_s: float) -> None:
        """Let the actor know which snapshots are pending, if that is due."""
        if now_s < self._seen_s + SEE_S:
            return
        self._seen_s = now_s
        clock = self.context.clock
        asked_s = clock.monotonic_s()
        with contextlib.suppress(BulkputError):  # asked again; until then no place becomes free
            snapshots = self.context.snapshots(self.context.retrier("fleet"), "fleet")
            found = [each.snapshot_id for each in await snapshots.list_pending()]
            age_s = clock.monotonic_s() - asked_s
            await answered(self.actor.seen_pending.remote(self.name, age_s, found))

    async def free_permits(self) -> int:
        """Return how many more volumes may start."""
        return int(await answered(self.actor.free_permits.remote(self.name)))

    async def take_permit(self, permit: str, client: str) -> bool:
        """Return whether a volume may start."""
        call = self.actor.take_permit.remote(self.name, permit, client, None)
        return await answered(call) is PermitAnswer.GRANTED

    async def leave(self, client: str, permit: str) -> None:
        """Free what an attempt had that is known to have ended without doing so."""
        leave = Leave(client, permit, is_pending=True)
        with contextlib.suppress(BulkputError):  # it also runs out
            await answered(self.actor.leave.remote(self.name, leave))
