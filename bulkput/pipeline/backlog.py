"""How many hashed blocks wait for their first put: what shows hashers whether more is needed."""

import asyncio


class Backlog:
    """Counts blocks from when they are hashed until they are first put.

    Those that wait for a repeat are not counted: their bytes were released.
    """

    def __init__(self, low_blocks: int) -> None:
        """Call fewer than ``low_blocks`` low: at least 1."""
        self._low_blocks = low_blocks
        self._blocks = 0
        self._is_low = asyncio.Event()
        self._is_low.set()

    def set_low(self, low_blocks: int) -> None:
        """Call fewer than ``low_blocks`` low from now on."""
        if low_blocks != self._low_blocks:
            self._low_blocks = low_blocks
            self.add(0)

    def add(self, blocks: int) -> None:
        """Count blocks that were hashed and must be put; negative ones are on their way."""
        self._blocks += blocks
        if self._blocks < self._low_blocks:
            self._is_low.set()
        else:
            self._is_low.clear()

    async def wait_until_low(self) -> None:
        """Return when fewer blocks wait than are called low."""
        await self._is_low.wait()
