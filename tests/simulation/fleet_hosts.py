"""The hosts of a simulated fleet, and what runs on them."""

from dataclasses import dataclass, field

from bulkput.fleet.placement import Placement
from bulkput.fleet.quota_client import QuotaClient
from bulkput.fleet.retries import LOST


@dataclass(eq=False)
class Attempt:
    """A process that uploads a volume."""

    name: str
    volume: str
    number: int
    host: str
    client: QuotaClient
    permit_until_s: float
    ends: int | None = None


@dataclass
class Machine:
    """A host: what is wrong with it, until when."""

    dead_until_s: float = 0.0
    cut_until_s: float = 0.0
    trouble_since_s: float | None = None
    attempts: list[Attempt] = field(default_factory=list)


def lose_host(placement: Placement, now_s: float, host: str) -> int:
    """End the attempts on a host as Ray does that has lost it; returns how many there were."""
    lost = [start for start in placement.running() if start.host == host]
    for start in lost:
        placement.ended(now_s, start.volume, start.attempt, LOST)
    return len(lost)
