"""A completed snapshot read for its digests alone, in ascending order and bounded memory."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bulkput.model.block import DIGEST_SIZE_BYTES
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.listing import ListedBlock, Page

_PART_BLOCKS = 64
"""So many are handed on at once: a thread's hop for each would cost more than the work."""

Digests = npt.NDArray[np.uint8]
TakeKnown = Callable[[npt.NDArray[np.int64]], Awaitable[Digests]]
"""Gives the digests that an earlier reading got of the first of some blocks."""


@dataclass(frozen=True, eq=False)
class Digested:
    """Some blocks that the snapshot has."""

    indexes: npt.NDArray[np.int64]
    digests: Digests
    """Of shape ``(len(indexes), 32)``."""
    is_new: bool = True
    """Whether they were got now."""


async def digest_blocks(
    pages: AsyncGenerator[Page[ListedBlock], None],
    get: GetPath,
    *,
    take_known: TakeKnown,
    ahead_max: int,
) -> AsyncIterator[Digested]:
    """Yield all listed blocks, ascending; before a failure, all that precede the block that failed.

    Args:
        pages: The list of the snapshot's blocks.
        get: Gets one block; its pacer decides when.
        take_known: What need not be got.
        ahead_max: Gets under way, waiting for their turn included.

    Raises:
        BulkputError: the snapshot could not be read.
    """
    window = _Window(get)
    try:
        async with aclosing(pages):
            async for page in pages:
                indexes = np.array([listed.index for listed in page.items], dtype=np.int64)
                known = await take_known(indexes)
                if len(known):
                    yield Digested(indexes[: len(known)], known, is_new=False)
                for listed in page.items[len(known) :]:
                    while window.under_way >= ahead_max:
                        await window.settle_first()
                    window.begin(listed)
                    if len(window.settled) >= _PART_BLOCKS:
                        yield window.part()
        while window.under_way:
            await window.settle_first()
        if window.settled:
            yield window.part()
    except Exception:
        if window.settled:
            yield window.part()
        raise
    finally:
        await window.close()


class _Window:
    """Gets under way, in the order of their blocks, and the first ones that are done."""

    def __init__(self, get: GetPath) -> None:
        self._get = get
        self._tasks: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        self.settled: list[tuple[int, bytes]] = []

    @property
    def under_way(self) -> int:
        return len(self._tasks)

    def begin(self, listed: ListedBlock) -> None:
        self._tasks.append((listed.index, asyncio.create_task(self._digest(listed))))

    async def _digest(self, listed: ListedBlock) -> bytes:
        return (await self._get(listed.index, listed.token)).digest

    async def settle_first(self) -> None:
        """Wait for the first one; it stays under way if it failed."""
        index, task = self._tasks[0]
        self.settled.append((index, await task))
        self._tasks.popleft()

    def part(self) -> Digested:
        """Return what is settled, and forget it."""
        settled, self.settled = self.settled, []
        content = b"".join(digest for _, digest in settled)
        return Digested(
            np.array([index for index, _ in settled], dtype=np.int64),
            np.frombuffer(content, dtype=np.uint8).reshape(len(settled), DIGEST_SIZE_BYTES),
        )

    async def close(self) -> None:
        """Give up what is under way."""
        for _, task in self._tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks), return_exceptions=True)
        self._tasks.clear()
