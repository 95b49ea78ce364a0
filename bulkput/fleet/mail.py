"""Messages of one attempt on their way to the driver, and its wish to stop on its way back."""

import asyncio
from collections.abc import Callable
from typing import Any

from bulkput.fleet.lease import ORPHAN_S
from bulkput.fleet.lease_keeper import CALL_LIMIT_S
from bulkput.fleet.protocol import Order, VolumeProgress

PUSH_S = 0.5
"""Between two pushes: 90 volumes are 180 calls a second, where an actor answers about 1,000."""

MESSAGES_MAX = 1000
"""Kept for a mailbox that does not answer: what is older goes."""

SILENT_S = ORPHAN_S
"""A driver that is silent for as long as the quota may be is gone."""


class Mail:
    """Of one attempt; ``mailbox`` is a handle of the actor."""

    def __init__(self, order: Order, mailbox: Any, on_stop: Callable[[str], None]) -> None:
        """Begin with nothing; ``on_stop`` is called with why the attempt is to end, a clause."""
        self._order, self._mailbox, self._on_stop = order, mailbox, on_stop
        self._messages: list[object] = []

    def add(self, message: object) -> None:
        """Put a message on its way; of counters only the last."""
        if isinstance(message, VolumeProgress):
            kept = (each for each in self._messages if not isinstance(each, VolumeProgress))
            self._messages = list(kept)
        self._messages.append(message)
        del self._messages[:-MESSAGES_MAX]

    async def run(self) -> None:
        """Push now and then, for ever."""
        loop = asyncio.get_running_loop()
        heard_s = loop.time()
        while True:
            if await self.push():
                heard_s = loop.time()
            elif loop.time() - heard_s > SILENT_S:
                self._on_stop("the run that wants it is gone")
            await asyncio.sleep(PUSH_S)

    async def push(self) -> bool:
        """Push what there is; return whether it was taken."""
        messages, self._messages = self._messages, []
        order = self._order
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                is_to_stop = await self._mailbox.push.remote(order.volume, order.client, messages)
        except Exception:  # noqa: BLE001 - of Ray, of any kind: what is lost is display alone
            self._messages = [*messages, *self._messages][-MESSAGES_MAX:]
            return False
        if is_to_stop:
            self._on_stop("the run was stopped")
        return True
