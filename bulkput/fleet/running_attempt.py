"""An attempt that is under way, followed to its end by its driver."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from bulkput.fleet.cluster import Cluster
from bulkput.fleet.lost_attempt import HostLostError
from bulkput.fleet.placement import Start
from bulkput.fleet.protocol import AttemptEnd, Order

LOST_GRACE_S = 5.0
"""For Ray's own word on an attempt, after its host has left the list of those alive."""


@dataclass(frozen=True)
class RunningAttempt:
    """One, by Ray's reference to its end."""

    start: Start
    order: Order
    reference: Any
    node_id: str
    is_lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Its host has left the cluster."""

    async def end(self, cluster: Cluster) -> AttemptEnd:
        """Return how it ended.

        Of a host that was cut off Ray reports no end, for minutes after it took it for dead.

        Raises:
            HostLostError: its host has left, and Ray knows no end.
            Exception: Ray's own, or the task's.
        """
        ending = asyncio.ensure_future(cluster.end_of(self.reference))
        losing = asyncio.create_task(self._lost())
        await asyncio.wait({ending, losing}, return_when=asyncio.FIRST_COMPLETED)
        losing.cancel()
        if ending.done():
            return ending.result()
        ending.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise HostLostError

    async def _lost(self) -> None:
        await self.is_lost.wait()
        await asyncio.sleep(LOST_GRACE_S)
