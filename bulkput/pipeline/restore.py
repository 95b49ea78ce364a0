"""Writing a snapshot back: which blocks are brought, in which order, and what is counted of them.

How a block is brought is ``block_writer``'s. Memory goes by the blocks under way, not by the size.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from bulkput.destination.destination import Target
from bulkput.ledger.download_state import Restoration
from bulkput.model.block import BLOCKS_PER_GIB, Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress
from bulkput.pipeline.block_writer import WantedBlock, WantedGroup, WrittenBlock
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.workers import Workers

_ZEROED_BLOCKS = BLOCKS_PER_GIB
"""A disk that has to write zeros itself takes seconds for so many: a signal is heard in between."""

GROUP_BLOCKS = 8
"""Brought by one process: 4 MiB. A message for each block would take a tenth of its get's time."""

_AHEAD_GROUPS = 256
"""Waiting for memory or under way: 2048 blocks are two seconds of the quota, in which one process
may lag behind another. Their tokens are 1 MiB."""

ListWanted = Callable[[], AsyncGenerator[Sequence[WantedBlock], None]]


@dataclass
class RestoreCounts:
    """What became of the blocks."""

    got: int = 0
    resumed: int = 0
    """Settled by an earlier run."""
    zero: int = 0
    """Got or known to be zeros."""


@dataclass(frozen=True)
class RestoreParts:
    """What a download works with; all of it is the caller's to open and to close."""

    target: Target
    restoration: Restoration
    list_wanted: ListWanted
    """Lists blocks in ascending order, some at a time."""
    write: Callable[[WantedGroup], Coroutine[Any, Any, list[WrittenBlock]]]
    """Brings some blocks, here or elsewhere, when there is memory for them."""
    workers: Workers
    progress: Progress
    counts: RestoreCounts
    zero_others_from: int | None
    """The first of the blocks that, where not listed, have to be made zeros; None of none."""
    others_are_zeros: bool
    """Whether blocks that are not listed are zeros now, else they stay what they are."""


async def restore(parts: RestoreParts) -> None:
    """Settle every block at the destination; nothing is flushed.

    After a cancellation a worker may still be writing what is then marked.

    Raises:
        BulkputError: the first final failure.
    """
    await _Restore(parts).run()


class _Restore:
    """One download under way."""

    def __init__(self, parts: RestoreParts) -> None:
        self._parts = parts
        self._places = asyncio.Semaphore(_AHEAD_GROUPS)
        self._next = 0
        """The first block that was not considered yet."""

    async def run(self) -> None:
        parts = self._parts
        try:
            async with asyncio.TaskGroup() as group, aclosing(parts.list_wanted()) as batches:
                async for batch in batches:
                    indexes = [block.index for block in batch]
                    settled = await parts.workers.run(partial(parts.restoration.digests, indexes))
                    for start in range(0, len(batch), GROUP_BLOCKS):
                        stop = start + GROUP_BLOCKS
                        wanted = WantedGroup(tuple(batch[start:stop]), tuple(settled[start:stop]))
                        for index in indexes[start:stop]:
                            await self._pass_over(index)
                            self._next = index + 1
                        await self._places.acquire()
                        group.create_task(self._write(wanted))
                await self._pass_over(parts.target.block_count)
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures

    async def _pass_over(self, stop: int) -> None:
        """Deal with the blocks up to ``stop`` that are not listed."""
        parts = self._parts
        stop = min(stop, parts.target.block_count)
        if stop <= self._next:
            return
        zero_from = stop if parts.zero_others_from is None else parts.zero_others_from
        left_alone = max(self._next, min(zero_from, stop))
        parts.progress.blocks_restored += left_alone - self._next
        is_zero = parts.others_are_zeros
        fate = BlockFate.SKIPPED_HOLE if is_zero else BlockFate.UNCHANGED
        parts.progress.disk.add(fate, self._next, left_alone)
        for start in range(left_alone, stop, _ZEROED_BLOCKS):
            extent = Extent(start, min(start + _ZEROED_BLOCKS, stop))
            await parts.workers.run(partial(parts.target.zero, extent.start, extent.stop))
            parts.progress.blocks_restored += extent.block_count
            parts.progress.disk.add(BlockFate.SKIPPED_HOLE, extent.start, extent.stop)
        if parts.others_are_zeros:
            parts.counts.zero += stop - self._next

    async def _write(self, wanted: WantedGroup) -> None:
        try:
            written = await self._parts.write(wanted)
        finally:
            self._places.release()
        for block in written:
            self._count(block)

    def _count(self, block: WrittenBlock) -> None:
        counts, progress = self._parts.counts, self._parts.progress
        counts.got += block.is_got
        counts.resumed += block.fate is BlockFate.RESUMED
        counts.zero += block.is_zero
        if block.index < self._parts.target.block_count:
            progress.blocks_restored += 1
            progress.disk.add(block.fate, block.index)
