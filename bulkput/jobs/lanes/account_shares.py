"""The account's calls of each kind, divided among this process and its lanes by what each uses."""

from collections.abc import Mapping, Sequence

from bulkput.jobs.lanes.crew import Crew
from bulkput.jobs.lanes.pool_parts import AccountRate
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.pace.demand import Use
from bulkput.pace.fair_share import FairShare

_OWN = "own"


class AccountShares:
    """Of one job, or one command."""

    def __init__(self, accounts: Mapping[CallKind, AccountRate]) -> None:
        """Begin with all for this process."""
        self._accounts = accounts
        self._shares = {
            kind: FairShare(account.ceiling_per_s) for kind, account in accounts.items()
        }
        self._divided_as = {
            kind: next(first for first, each in accounts.items() if each.pacer is account.pacer)
            for kind, account in accounts.items()
        }
        """Kinds with one bucket are one: gets at both ends of a copy may be of one account."""
        self._ended_held_s = dict.fromkeys(CallKind, 0.0)
        """Of volumes that have ended: how long calls of their lanes waited for their parts."""

    def set_ceiling(self, kind: CallKind, account_per_s: float) -> None:
        """Change what all processes may use, from the next ``divide`` on; 0 holds all back."""
        self._shares[self._divided_as[kind]].set_ceiling(account_per_s)

    def divide(self, now_s: float, crews: Sequence[Crew]) -> dict[CallKind, dict[str, float]]:
        """Give this process its parts, and return those of lanes, by their names."""
        shares = {kind: self._divide(kind, now_s, crews) for kind in {*self._divided_as.values()}}
        return {kind: shares[each] for kind, each in self._divided_as.items()}

    def _divide(self, kind: CallKind, now_s: float, crews: Sequence[Crew]) -> dict[str, float]:
        pacer = self._accounts[kind].pacer
        uses = {_OWN: Use(pacer.started, pacer.held_s(now_s))}
        uses |= {
            lane.name: calls.account_use_by(lane)
            for crew in crews
            for calls in crew.calls
            if self._divided_as.get(calls.kind) is kind
            for lane in crew.lanes
        }
        shares = self._shares[kind].divide(now_s, uses)
        pacer.set_ceiling(now_s, shares[_OWN])
        return shares

    def held_s(self, kind: CallKind, now_s: float, crews: Sequence[Crew]) -> float:
        """Return for how long so far calls of all processes waited for their parts."""
        at_work = (calls for crew in crews for calls in crew.calls if calls.kind is kind)
        own_s = self._accounts[kind].pacer.held_s(now_s)
        return own_s + self._ended_held_s[kind] + sum(each.account_held_s for each in at_work)

    def end(self, crew: Crew) -> None:
        """Learn that a volume's crew is no more."""
        for calls in crew.calls:
            self._ended_held_s[calls.kind] += calls.account_held_s
