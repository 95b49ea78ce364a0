"""A bounded channel between two stages; closing it is how a stage ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """First in, first out, at most ``capacity`` items; many senders and receivers, one loop.

    Iterating receives until the channel is closed and empty.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Condition()

    async def send(self, item: T) -> None:
        """Wait for room, then add ``item``."""
        async with self._changed:
            while len(self._items) >= self._capacity:
                await self._changed.wait()
            self._items.append(item)
            self._changed.notify_all()

    async def close(self) -> None:
        """End the sending; what is inside can still be received."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            async with self._changed:
                while not self._items and not self._closed:
                    await self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
