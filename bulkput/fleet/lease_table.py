"""Who may use how much of an account's quota in one Region: the one place that gives. Pure.

It holds one sum at all times: what all clients together may be using, whatever was lost on the
way, is at most the capacity. For each client that is the largest of the leases that it may go by:
the one that it last confirmed, and every later one, of which nobody knows whether it arrived. So
what a client is to give up is free when it asks with the smaller lease in use, or when the larger
one has run out; never by having been said.

A lease that ran out leaves its safe amount, which is held until the client is heard of again,
reported gone, or ``orphan_s`` have passed. A table that is started again knows nobody: for one
lease length it gives nobody more than the client has, and for ``orphan_s`` it holds a safe amount
for each client that the others' leases counted and that was not heard of.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from bulkput.fleet.lease import Amounts, Ask, Lease, Resource, Terms
from bulkput.pace.fair_share import divided

LOWERED_SHARE = 0.05
"""A lease that shrinks by less is not confirmed at once: nobody waits for so little."""


@dataclass(frozen=True)
class _Given:
    """A lease that a client may go by."""

    number: int
    amounts: Amounts
    safe: Amounts
    expires_s: float

    def held(self, now_s: float, resource: Resource, orphan_s: float) -> float:
        if now_s < self.expires_s:
            return self.amounts.get(resource, 0.0)
        return self.safe.get(resource, 0.0) if now_s < self.expires_s + orphan_s else 0.0


@dataclass
class _Client:
    """What is known of one."""

    heard_s: float
    asked: int = 0
    wants: Amounts = field(default_factory=dict)
    given: dict[int, _Given] = field(default_factory=dict)
    answer: Lease | None = None
    """To the latest ask."""


class LeaseTable:
    """Leases of one account and Region."""

    def __init__(
        self,
        capacity: Amounts,
        *,
        clients_max: int,
        name: str,
        learns_from_s: float | None = None,
        expects: Collection[str] = (),
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> None:
        """Begin with nobody.

        Args:
            capacity: What there is.
            clients_max: At most so many use it at a time; the safe amount is this part of it.
            name: Unlike that of every other table there ever was.
            learns_from_s: When this one began, if there was one before it.
            expects: Clients that may be at work now, those on lost hosts too, as far as the caller
                knows; others are learned of from the clients.
            terms: How long things last.
        """
        self._capacity = dict(capacity)
        self._safe = {resource: most / clients_max for resource, most in capacity.items()}
        self._name = name
        self._terms = terms
        self._clients: dict[str, _Client] = {}
        self._learns_from_s = learns_from_s
        self._expects = set(expects)
        self._expected = 0
        self._heard: set[str] = set()

    @property
    def clients(self) -> tuple[str, ...]:
        """Those that something is held for, the silent ones too, as of the last ask."""
        return tuple(self._clients)

    def is_used(self, now_s: float) -> bool:
        """Return whether something is held for anybody now."""
        self._forget_silent(now_s)
        return bool(self._clients)

    def outstanding(self, now_s: float) -> dict[Resource, float]:
        """Return what all clients together may be using: never above the capacity.

        Only a table that follows another may count more for a while: clients that ended with the
        table before it are held for among the unheard.
        """
        return {resource: self._held(now_s, resource) for resource in self._capacity}

    def ask(self, now_s: float, ask: Ask) -> Lease | None:
        """Return a client's lease; None for an ask that a later one has overtaken."""
        self._forget_silent(now_s)
        self._expects.discard(ask.client)
        client = self._clients.setdefault(ask.client, _Client(now_s))
        if ask.number < client.asked:
            return None
        if ask.number == client.asked:
            return client.answer  # the same message again
        client.asked, client.heard_s, client.wants = ask.number, now_s, ask.wants
        self._confirm(now_s, client, ask)
        lease = client.answer = self._lease(now_s, client, ask)
        client.given[ask.number] = _Given(
            ask.number, lease.amounts, lease.safe, now_s + self._terms.length_s
        )
        return lease

    def forget(self, client: str) -> None:
        """Free what a client had: it reported that it sends nothing more, or is known dead."""
        self._clients.pop(client, None)
        self._expects.discard(client)

    def _confirm(self, now_s: float, client: _Client, ask: Ask) -> None:
        """Drop the leases that the client cannot go by any more: those before the one in use."""
        client.given = {
            number: given for number, given in client.given.items() if number >= ask.in_use
        }
        if not ask.in_use or ask.table == self._name:
            return
        # A table that is gone gave it, no longer ago than it lasts.
        expires_s = now_s + self._terms.length_s
        client.given[ask.in_use] = _Given(ask.in_use, ask.has or {}, ask.safe or {}, expires_s)
        self._expected = max(self._expected, ask.clients)
        self._heard.add(ask.client)

    def _lease(self, now_s: float, client: _Client, ask: Ask) -> Lease:
        terms = self._terms
        amounts: dict[Resource, float] = {}
        safe: dict[Resource, float] = {}
        soon = False
        for resource, capacity in self._capacity.items():
            wanted = ask.wants.get(resource, 0.0)
            others = self._held(now_s, resource, but=client)
            had = self._held_by(now_s, resource, client)
            share = min(wanted, self._share(now_s, resource, ask))
            amount = max(0.0, min(share, capacity - others))
            amounts[resource] = amount
            safe[resource] = min(amount, self._safe[resource])
            soon |= amount < share * (1 - LOWERED_SHARE) or amount < had * (1 - LOWERED_SHARE)
        return Lease(
            ask.number,
            amounts,
            safe,
            length_s=terms.length_s,
            orphan_s=terms.orphan_s,
            refresh_s=terms.soon_s if soon and not self._is_learning(now_s) else terms.refresh_s,
            table=self._name,
            clients=len(self._clients) + self._count_unheard(now_s),
        )

    def _share(self, now_s: float, resource: Resource, ask: Ask) -> float:
        """Return the client's fair part of what the silent ones leave.

        While the table learns: what the client has. Not what it might have by an earlier answer of
        this table: one that it did not go by repeats what it had before, and the table before this
        one may have given that to another since.
        """
        if self._is_learning(now_s):
            return 0.0 if ask.has is None else ask.has.get(resource, 0.0)
        wants: dict[str, float] = {}
        held = self._unheard(now_s, resource)
        for name, each in self._clients.items():
            if self._is_live(now_s, each):
                wants[name] = each.wants.get(resource, 0.0)
            else:
                held += self._held_by(now_s, resource, each)
        return divided(max(0.0, self._capacity[resource] - held), wants)[ask.client]

    def _held(self, now_s: float, resource: Resource, *, but: _Client | None = None) -> float:
        return self._unheard(now_s, resource) + sum(
            self._held_by(now_s, resource, each)
            for each in self._clients.values()
            if each is not but
        )

    def _held_by(self, now_s: float, resource: Resource, client: _Client) -> float:
        orphan_s = self._terms.orphan_s
        return max(
            (each.held(now_s, resource, orphan_s) for each in client.given.values()), default=0.0
        )

    def _unheard(self, now_s: float, resource: Resource) -> float:
        """Return what clients may use that the table before this one knew, and this does not."""
        return self._safe[resource] * self._count_unheard(now_s)

    def _count_unheard(self, now_s: float) -> int:
        if self._learns_from_s is None:
            return 0
        if now_s >= self._learns_from_s + self._terms.length_s + self._terms.orphan_s:
            return 0
        return max(self._expected - len(self._heard), len(self._expects))

    def _is_learning(self, now_s: float) -> bool:
        since_s = self._learns_from_s
        return since_s is not None and now_s < since_s + self._terms.length_s

    def _is_live(self, now_s: float, client: _Client) -> bool:
        return now_s < client.heard_s + self._terms.length_s

    def _forget_silent(self, now_s: float) -> None:
        limit_s = now_s - self._terms.length_s - self._terms.orphan_s
        for name in [name for name, each in self._clients.items() if each.heard_s <= limit_s]:
            del self._clients[name]
