"""What one process may use of the account's quota, and until when. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkput.fleet.lease import Amounts, Resource


@dataclass(frozen=True)
class QuotaShare:
    """A lease as its client goes by it; the one without arguments allows nothing."""

    number: int = 0
    """Of the ask that it answers."""
    amounts: Amounts = field(default_factory=dict)
    """A second, until ``expires_s``."""
    safe: Amounts = field(default_factory=dict)
    """From then until ``lost_s``."""
    expires_s: float = float("-inf")
    lost_s: float = float("inf")
    """From then on nothing may be used, and the process is to end as resumable."""

    def may_use(self, now_s: float, resource: Resource) -> float:
        """Return how much a second; 0 means that nothing may start."""
        return self._in_force(now_s).get(resource, 0.0)

    def is_lost(self, now_s: float) -> bool:
        """Return whether the safe amounts ran out too."""
        return now_s >= self.lost_s

    def _in_force(self, now_s: float) -> Mapping[Resource, float]:
        if now_s < self.expires_s:
            return self.amounts
        return {} if self.is_lost(now_s) else self.safe
