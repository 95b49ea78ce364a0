"""Permits for pending snapshots, of which an account has few at a time: held by volume. Pure.

A permit stands for a place among the pending snapshots. Whoever holds it renews it, and may call
StartSnapshot while it runs. Two facts free a place, and both are needed, because the snapshot of a
holder that vanished stays pending for up to its own time out:

- it is known that the holder starts nothing any more: it gave the permit back, or its time ran out;
- EC2 was asked after that, and late enough for a snapshot that was started at the last moment to be
  seen. If it shows the snapshot as pending, the place is one of those that EC2 counts; if not, it
  is free. In either case the permit has done its work.

So the places that are taken are the permits, and those pending snapshots that no permit is held
for. A volume whose snapshot is among the latter takes its own place over, and needs no free one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from bulkput.fleet.lease import LENGTH_S

QUOTA_DEFAULT = 100
"""Pending snapshots of an account and Region (Service Quotas L-94D7AB7D, not adjustable)."""

MOST_DEFAULT = 90
"""Ten are left to whoever else starts snapshots between two looks at EC2."""

SEEN_WITHIN_S = 120.0
"""After StartSnapshot, until EC2 shows the snapshot: as long as puts may be answered that it does
not exist, by AWS's advice."""


class PermitAnswer(Enum):
    """What became of asking for one."""

    GRANTED = auto()
    FULL = auto()
    """Ask again later."""
    HELD_BY_ANOTHER = auto()
    """Another client works on the volume, as far as is known."""


@dataclass
class _Permit:
    holder: str
    """The client; one at a time works on a volume."""
    expires_s: float
    snapshot_id: str | None = None
    is_returned: bool = False


class PermitTable:
    """Permits of one account and Region."""

    def __init__(
        self,
        *,
        quota: int = QUOTA_DEFAULT,
        most: int = MOST_DEFAULT,
        learns_from_s: float | None = None,
        length_s: float = LENGTH_S,
    ) -> None:
        """Begin with none given; none is given before ``seen_pending`` was called.

        Args:
            quota: Pending snapshots that the account may have.
            most: Permits that are given at a time.
            learns_from_s: When this one began, if there was one before it: for one length it only
                takes note of who holds permits.
            length_s: How long a permit lasts that is not renewed.
        """
        self._quota, self._most, self._length_s = quota, most, length_s
        self._permits: dict[str, _Permit] = {}
        self._pending: frozenset[str] = frozenset()
        self._seen_s: float | None = None
        self._grants_from_s = float("-inf")
        if learns_from_s is not None:
            self._grants_from_s = learns_from_s + length_s
        self._must_see_from_s = self._grants_from_s + SEEN_WITHIN_S

    @property
    def held(self) -> int:
        """Permits given, those of vanished holders too."""
        return len(self._permits)

    def free(self, now_s: float) -> int:
        """Return how many more may be given now."""
        seen_s = self._seen_s
        if seen_s is None or now_s < self._grants_from_s or seen_s < self._must_see_from_s:
            return 0
        own = {each.snapshot_id for each in self._permits.values()}
        others = len(self._pending - own)
        return max(0, min(self._most, self._quota - others) - len(self._permits))

    def ask(
        self, now_s: float, volume: str, holder: str, snapshot_id: str | None = None
    ) -> PermitAnswer:
        """Give a volume's permit to a holder, or renew it.

        Args:
            now_s: Of the same clock at all calls.
            volume: Has one permit at most.
            holder: A client, by a name of one process's life.
            snapshot_id: The volume's pending snapshot, once it is known.
        """
        permit = self._permits.get(volume)
        if permit is None:
            takes_over = snapshot_id in self._pending and len(self._permits) < self._most
            if not (takes_over or self.free(now_s)):
                return PermitAnswer.FULL
            permit = self._permits[volume] = _Permit(holder, now_s, snapshot_id)
        elif permit.holder != holder:
            if not permit.is_returned and now_s < permit.expires_s:
                return PermitAnswer.HELD_BY_ANOTHER
            permit.holder, permit.is_returned = holder, False
        permit.expires_s = now_s + self._length_s
        permit.snapshot_id = snapshot_id or permit.snapshot_id
        return PermitAnswer.GRANTED

    def report(self, now_s: float, volume: str, holder: str, snapshot_id: str | None) -> bool:
        """Renew a permit, one that the table before this one gave too; return whether it holds.

        A holder that hears that it does not must start no snapshot.
        """
        if volume not in self._permits:
            if now_s >= self._grants_from_s:
                return self.ask(now_s, volume, holder, snapshot_id) is PermitAnswer.GRANTED
            self._permits[volume] = _Permit(holder, now_s, snapshot_id)
        return self.ask(now_s, volume, holder, snapshot_id) is PermitAnswer.GRANTED

    def give_back(self, now_s: float, volume: str, holder: str, *, is_pending: bool) -> None:
        """Take a permit back: its holder starts nothing more.

        Args:
            now_s: As ever.
            volume: Whose permit.
            holder: Others' are left alone.
            is_pending: The volume's snapshot may be pending yet; False frees the place at once.
        """
        permit = self._permits.get(volume)
        if permit is None or permit.holder != holder:
            return
        if not is_pending:
            del self._permits[volume]
            return
        permit.is_returned, permit.expires_s = True, min(permit.expires_s, now_s)

    def seen_pending(self, asked_s: float, snapshot_ids: Collection[str]) -> None:
        """Learn which snapshots of the account are pending.

        Args:
            asked_s: When EC2 was asked, not when it answered.
            snapshot_ids: All of the account's in the Region, whoever started them.
        """
        if self._seen_s is not None and asked_s < self._seen_s:
            return
        self._pending, self._seen_s = frozenset(snapshot_ids), asked_s
        done = [
            volume
            for volume, permit in self._permits.items()
            if asked_s >= permit.expires_s + SEEN_WITHIN_S
        ]
        for volume in done:
            del self._permits[volume]
