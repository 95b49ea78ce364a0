"""Writing a snapshot back: gets, and what is done with their answers at the destination.

Every block that is settled is marked after its bytes are the kernel's, so a killed run loses no
more than what was under way. Memory goes by the blocks under way, whatever the size.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from bulkput.destination.destination import Target
from bulkput.ebs.snapshot import GotBlock
from bulkput.ledger.download_state import Restoration
from bulkput.model.block import BLOCKS_PER_GIB, ZERO_BLOCK_DIGEST, Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.workers import Workers

_ZEROED_BLOCKS = BLOCKS_PER_GIB
"""A disk that has to write zeros itself takes seconds for so many: a signal is heard in between."""


@dataclass(frozen=True)
class WantedBlock:
    """A block of the snapshot, and the token to get it with; None where it is to be zeros."""

    index: int
    token: str | None


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
    get: Callable[[int, str], Awaitable[GotBlock]]
    """Block index and token to the block."""
    workers: Workers
    progress: Progress
    counts: RestoreCounts
    held_blocks_max: int
    zero_others_from: int | None
    """The first of the blocks that, where not listed, have to be made zeros; None of none."""
    others_are_zeros: bool
    """Whether blocks that are not listed are zeros now, else they stay what they are."""
    is_blank: bool
    """Whether all that was not written yet is a hole."""


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
        self._places = asyncio.Semaphore(parts.held_blocks_max)
        self._next = 0
        """The first block that was not considered yet."""

    async def run(self) -> None:
        parts = self._parts
        try:
            async with asyncio.TaskGroup() as group, aclosing(parts.list_wanted()) as batches:
                async for batch in batches:
                    indexes = [block.index for block in batch]
                    settled = await parts.workers.run(partial(parts.restoration.digests, indexes))
                    for block, digest in zip(batch, settled, strict=True):
                        await self._pass_over(block.index)
                        self._next = block.index + 1
                        await self._places.acquire()
                        group.create_task(self._settle(block, digest))
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

    async def _settle(self, block: WantedBlock, digest: bytes | None) -> None:
        """Bring one block to the destination, unless what an earlier run brought is still there."""
        parts = self._parts
        index = block.index
        try:
            if digest is not None and await parts.workers.run(partial(self._holds, index, digest)):
                self._count_resumed(index, digest)
                return
            fate = BlockFate.SKIPPED_HOLE
            if block.token is None:
                await parts.workers.run(partial(self._store_zeros, index))
            else:
                got = await parts.get(index, block.token)
                await parts.workers.run(partial(self._store, index, got))
                parts.counts.got += 1
                is_zero = got.digest == ZERO_BLOCK_DIGEST
                parts.counts.zero += is_zero
                fate = BlockFate.ZEROS if is_zero else BlockFate.DATA
            self._count(index, fate)
        finally:
            self._places.release()

    def _holds(self, index: int, digest: bytes) -> bool:
        return hashlib.sha256(self._parts.target.read(index)).digest() == digest

    def _store(self, index: int, got: GotBlock) -> None:
        """Blocking: in a worker. The mark comes last."""
        if got.digest == ZERO_BLOCK_DIGEST:
            self._store_zeros(index)
            return
        self._parts.target.write(index, got.content)
        self._parts.restoration.settle(index, got.digest)

    def _store_zeros(self, index: int) -> None:
        if not self._parts.is_blank:
            self._parts.target.zero(index, index + 1)
        self._parts.restoration.settle(index, ZERO_BLOCK_DIGEST)

    def _count_resumed(self, index: int, digest: bytes) -> None:
        self._parts.counts.resumed += 1
        self._parts.counts.zero += digest == ZERO_BLOCK_DIGEST
        self._count(index, BlockFate.RESUMED)

    def _count(self, index: int, fate: BlockFate) -> None:
        if index < self._parts.target.block_count:
            self._parts.progress.blocks_restored += 1
            self._parts.progress.disk.add(fate, index)
