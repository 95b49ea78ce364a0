"""Keeps one attempt's lease and permit: asks in time, and passes on what it is given.

A quota actor that is dead, hangs or was started anew costs no more than an answer: every call has a
time limit, and what was leased lasts meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from bulkput.fleet.lease import Resource, Terms
from bulkput.fleet.protocol import Leave, Order, Renewal, Renewed, SetShare, VolumeProgress
from bulkput.fleet.quota_client import CLOCK_SHARE, QuotaClient
from bulkput.fleet.wants import Wants
from bulkput.model.clock import boottime_s
from bulkput.model.progress import Progress

CALL_LIMIT_S = 2.0
"""An actor answers within milliseconds; one that is restarted takes one or two seconds, and its
clients ask again as often."""


class LeaseKeeper:
    """Of one attempt; ``quota`` is a handle of the actor."""

    def __init__(
        self,
        order: Order,
        quota: Any,
        *,
        terms: Terms = Terms(),  # noqa: B008 - frozen
        now_s: Callable[[], float] = boottime_s,
    ) -> None:
        """Ask nobody yet."""
        self._order, self._quota, self._now_s = order, quota, now_s
        self._client = QuotaClient(order.client, terms)
        self._permit_s = terms.length_s * CLOCK_SHARE
        most = {
            Resource.PUTS: order.rate_limits.snapshot_puts_per_s,
            Resource.GETS: order.get_rate_limits.snapshot_gets_per_s,
        }
        self._progress = Progress(order.volume)
        self._wants = Wants(most, self._progress)
        self._permit_until_s = float("-inf")
        self._send: Callable[[SetShare], None] | None = None
        self._sent_number = self._taken_number = 0
        self._is_urgent = False
        self._changed = asyncio.Event()
        self.is_refused = False
        """Whether the permit is another's, or there is none: no snapshot may be started."""

    @property
    def has_permit(self) -> bool:
        """Whether a snapshot may be started."""
        return self._now_s() < self._permit_until_s

    @property
    def is_lost(self) -> bool:
        """Whether nothing may be used any more."""
        return self._client.is_lost(self._now_s())

    def begin(self, send: Callable[[SetShare], None]) -> SetShare:
        """Return the share to begin with; ``send`` is called with those that follow.

        Each is to be confirmed by ``taken``: what a share takes away is another's as soon as the
        table hears that the share is in use.
        """
        self._send = send
        self._sent_number = self._client.share.number
        self.taken(self._sent_number)
        return self._message()

    def taken(self, number: int) -> None:
        """Learn that nothing starts beyond this share any more."""
        self._taken_number = max(self._taken_number, number)
        self._changed.set()

    def count(self, counted: VolumeProgress) -> None:
        """Learn what the volume does."""
        self._progress = counted.progress
        if self._wants.learn(self._now_s(), counted):
            self._is_urgent = True
            self._changed.set()

    async def run(self) -> None:
        """Renew in time, for ever."""
        while True:
            await self._until_due()
            await self.renew()

    async def renew(self) -> bool:
        """Ask once; return whether there was an answer."""
        sent_s = self._now_s()
        ask = self._client.ask(sent_s, self._wants.amounts)
        renewal = Renewal(ask, self._order.permit, self._progress.snapshot_id)
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                renewed: Renewed = await self._quota.renew.remote(self._order.account, renewal)
        except Exception:  # noqa: BLE001 - of Ray, of any kind: what was leased lasts meanwhile
            return False
        if renewed.lease is None and not renewed.has_permit:
            return False  # the account is not known there yet
        if renewed.lease is not None:
            self._client.on_lease(self._now_s(), renewed.lease)
        self.is_refused = not renewed.has_permit
        self._permit_until_s = float("-inf") if self.is_refused else sent_s + self._permit_s
        if self._send is not None:
            self._sent_number = self._client.share.number
            self._send(self._message())
        return True

    async def leave(self, *, is_pending: bool) -> None:
        """Give back what there is, if somebody hears it; else it runs out."""
        leave = Leave(self._order.client, self._order.permit, is_pending=is_pending)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CALL_LIMIT_S):
                await self._quota.leave.remote(self._order.account, leave)

    async def _until_due(self) -> None:
        while True:
            self._changed.clear()
            is_confirmed = self._taken_number >= self._sent_number
            wait_s = self._client.next_ask_s - self._now_s()
            if is_confirmed and (self._is_urgent or wait_s <= 0):
                self._is_urgent = False
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if is_confirmed else None):
                    await self._changed.wait()

    def _message(self) -> SetShare:
        return SetShare(self._client.share, self._permit_until_s)
