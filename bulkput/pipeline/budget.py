"""The byte budget: what bounds the memory of a volume's way, whatever its source's size.

Owns one number. Whoever makes bytes resident acquires first; whoever lets go of them releases.
"""

import asyncio
from collections import deque


class ByteBudget:
    """A first-come-first-served counter of bytes; one event loop only.

    The first in the queue is never overtaken, so a large request cannot starve.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.in_use_bytes = 0
        self.peak_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def claimed_bytes(self) -> int:
        """What may be in use at once from now on: the limit, or what is in use beyond it yet."""
        return max(self.limit_bytes, self.in_use_bytes)

    async def acquire(self, size_bytes: int) -> None:
        """Wait until ``size_bytes`` fit and take them; a cancelled caller holds nothing.

        Raises:
            ValueError: the request could never fit.
        """
        if size_bytes > self.limit_bytes:
            raise ValueError(f"{size_bytes} bytes exceed the budget of {self.limit_bytes}")
        if not self._waiting and self.in_use_bytes + size_bytes <= self.limit_bytes:
            self._take(size_bytes)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(size_bytes)
            else:
                self._waiting.remove((size_bytes, turn))
                self._grant()
            raise

    def resize(self, limit_bytes: int) -> None:
        """Allow more or less from now on; what is in use beyond it is waited for.

        A request that already waits and is larger than that has its turn when nothing is in use.
        """
        self.limit_bytes = limit_bytes
        self._grant()

    def release(self, size_bytes: int) -> None:
        """Give ``size_bytes`` back and let the next ones in the queue go on."""
        self.in_use_bytes -= size_bytes
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            size_bytes, turn = self._waiting[0]
            if turn.cancelled():
                break  # its own handler removes it, and calls again
            if self.in_use_bytes and self.in_use_bytes + size_bytes > self.limit_bytes:
                break
            self._waiting.popleft()
            self._take(size_bytes)
            turn.set_result(None)

    def _take(self, size_bytes: int) -> None:
        self.in_use_bytes += size_bytes
        self.peak_bytes = max(self.peak_bytes, self.in_use_bytes)
