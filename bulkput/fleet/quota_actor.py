"""What Ray's one actor of the quota does: carries asks to the tables of accounts. Decides nothing.

It outlives the run that starts it (detached), because the quota is the account's: two jobs on one
cluster share it, and a run after a killed one meets what its predecessor's processes still hold.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass

from bulkput import __version__
from bulkput.fleet.lease import Amounts
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.permits import MOST_DEFAULT, PermitAnswer, PermitTable
from bulkput.fleet.protocol import Leave, Renewal, Renewed
from bulkput.model.clock import boottime_s


@dataclass
class _Account:
    """The tables of one account in one Region."""

    capacity: Amounts
    leases: LeaseTable
    permits: PermitTable


class QuotaActor:
    """Knows an account from the first ``begin`` on."""

    def __init__(
        self, is_restarted: Callable[[], bool], now: Callable[[], float] = boottime_s
    ) -> None:
        """Begin without accounts.

        Args:
            is_restarted: Whether Ray has started this actor again, which then knows nothing of
                what it gave before.
            now: The clock of leases.
        """
        self._now = now
        self._accounts: dict[str, _Account] = {}
        self._learns_from_s = now() if is_restarted() else None

    def version(self) -> str:
        """Return that of the program that this actor was started from; hosts may be updated since.

        Any version can be asked for it.
        """
        return __version__

    def begin(self, account: str, capacity: Amounts, clients: Collection[str]) -> bool:
        """Take an account's quota, if it is not known; every run repeats it all the time.

        Args:
            account: Its name.
            capacity: What there is.
            clients: Those of the run, of which an actor that is started again is to hear.

        Returns:
            Whether this is the account's quota: False while others use it by another one.
        """
        known = self._accounts.get(account)
        if known is None or (known.capacity != capacity and not known.leases.is_used(self._now())):
            self._accounts[account] = _Account(
                capacity,
                LeaseTable(
                    capacity,
                    clients_max=MOST_DEFAULT,
                    name=secrets.token_hex(8),
                    learns_from_s=self._learns_from_s,
                    expects=clients,
                ),
                PermitTable(learns_from_s=self._learns_from_s) if known is None else known.permits,
            )
            return True
        return known.capacity == capacity

    def renew(self, account: str, renewal: Renewal) -> Renewed:
        """Renew a client's lease, and the permit of its volume."""
        known = self._accounts.get(account)
        if known is None:
            return Renewed(None, has_permit=False)
        now_s, ask = self._now(), renewal.ask
        has_permit = known.permits.report(now_s, renewal.permit, ask.client, renewal.snapshot_id)
        return Renewed(known.leases.ask(now_s, ask), has_permit)

    def leave(self, account: str, leave: Leave) -> None:
        """Free what a client had: it sends nothing more."""
        known = self._accounts.get(account)
        if known is not None:
            known.leases.forget(leave.client)
            known.permits.give_back(
                self._now(), leave.permit, leave.client, is_pending=leave.is_pending
            )

    def seen_pending(self, account: str, age_s: float, snapshot_ids: Collection[str]) -> None:
        """Learn which snapshots of the account EC2 reported as pending when asked ``age_s`` ago."""
        known = self._accounts.get(account)
        if known is not None:
            known.permits.seen_pending(self._now() - age_s, snapshot_ids)

    def free_permits(self, account: str) -> int:
        """Return how many more snapshots may be pending."""
        known = self._accounts.get(account)
        return 0 if known is None else known.permits.free(self._now())

    def take_permit(
        self, account: str, permit: str, client: str, snapshot_id: str | None
    ) -> PermitAnswer:
        """Give a volume's permit to a client that is about to begin."""
        known = self._accounts.get(account)
        if known is None:
            return PermitAnswer.FULL
        return known.permits.ask(self._now(), permit, client, snapshot_id)
