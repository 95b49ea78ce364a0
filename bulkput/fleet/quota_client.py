"""A client's side of its lease: when to ask, and what may be used now. Pure.

The lease begins when the ask was sent, so that no delay makes it last longer here than at the
table. Time is handed in: ``boottime_s``.
"""

from bulkput.fleet.lease import Amounts, Ask, Lease, Resource, Terms
from bulkput.fleet.quota_share import QuotaShare

CLOCK_SHARE = 0.99
"""Of a lease's length, taken as its whole: clocks of two hosts differ by 1 part in 10,000 at most,
and a put that was paced starts a moment later."""

_NUMBERS_KEPT = 64
"""Of asks under way: at one every half second, more than a lease lasts."""


class QuotaClient:
    """What one process may use of the quota."""

    def __init__(self, name: str, terms: Terms = Terms()) -> None:  # noqa: B008 - frozen
        """Begin with nothing; ``name`` is of this process's life alone."""
        self._name = name
        self._terms = terms
        self._sent: dict[int, tuple[float, Lease | None]] = {}
        """Of each ask: when, and the lease that the client went by."""
        self._number = 0
        self._lease: Lease | None = None
        self._share = QuotaShare()
        self._next_ask_s = float("-inf")

    @property
    def next_ask_s(self) -> float:
        """When to ask next."""
        return self._next_ask_s

    def ask(self, now_s: float, wants: Amounts) -> Ask:
        """Return what to send now; whether an answer comes or not, the next is due later."""
        self._number += 1
        self._sent[self._number] = now_s, self._lease
        self._sent.pop(self._number - _NUMBERS_KEPT, None)
        self._next_ask_s = now_s + self._terms.refresh_s
        lease = self._lease
        if lease is None:
            return Ask(self._name, self._number, wants)
        return Ask(
            self._name,
            self._number,
            wants,
            in_use=lease.number,
            has={resource: self.may_use(now_s, resource) for resource in lease.amounts},
            safe=lease.safe,
            table=lease.table,
            clients=lease.clients,
        )

    def on_lease(self, now_s: float, lease: Lease) -> bool:
        """Go by a lease, if no later one is in use; return whether.

        A new table knows only what the client had when it asked. If that ran out since, or another
        lease took its place, the table before may have given the difference to others.
        """
        if lease.number not in self._sent:
            return False
        sent_s, in_use = self._sent[lease.number]
        if self._lease is not None:
            is_outdated = in_use is not self._lease or sent_s < self._share.expires_s <= now_s
            if lease.number <= self._lease.number or (
                lease.table != self._lease.table and is_outdated
            ):
                return False
        self._go_by(lease, sent_s)
        self._next_ask_s = min(self._next_ask_s, sent_s + lease.refresh_s)
        return True

    def _go_by(self, lease: Lease, sent_s: float) -> None:
        self._lease = lease
        self._share = QuotaShare(
            lease.number,
            lease.amounts,
            lease.safe,
            expires_s=sent_s + lease.length_s * CLOCK_SHARE,
            lost_s=sent_s + (lease.length_s + lease.orphan_s) * CLOCK_SHARE,
        )

    @property
    def share(self) -> QuotaShare:
        """What may be used by the lease in use, and until when."""
        return self._share

    def may_use(self, now_s: float, resource: Resource) -> float:
        """Return how much a second; 0 means that nothing may start."""
        return self._share.may_use(now_s, resource)

    def is_lost(self, now_s: float) -> bool:
        """Return whether the safe amounts ran out too: the process is to end, as resumable."""
        return self._share.is_lost(now_s)
