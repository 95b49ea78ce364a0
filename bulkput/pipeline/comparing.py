"""One piece of a snapshot, got and compared with what it should be; here or in another process.

Decides nothing but what differs: what is compared, in which order it is reported, and what follows
from it is ``readback``'s and its caller's.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bulkput.ebs.snapshot import GotBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.difference import BlockDifference
from bulkput.model.window import window_that_fits
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.reference import Blocks, Reference
from bulkput.pipeline.workers import Workers

PIECE_BLOCKS = 16
"""At most: 8 MiB of each reference for each piece under comparison."""


@dataclass(frozen=True)
class Piece:
    """Blocks that are compared in one go; can be pickled."""

    extents: tuple[Extent, ...]
    tokens: Mapping[int, str]
    counts: bool = True
    """For the progress; not if its blocks are part of a hole, which is counted as a whole."""

    @property
    def block_count(self) -> int:
        """Compared, those that the snapshot does not have included."""
        return sum(extent.block_count for extent in self.extents)

    @property
    def indexes(self) -> Iterable[int]:
        """Of its blocks, ascending."""
        return (index for extent in self.extents for index in range(extent.start, extent.stop))


def piece_blocks(memory_bytes: int) -> int:
    """Return how many blocks a piece may have, so that several fit ``memory_bytes``."""
    return window_that_fits(memory_bytes, PIECE_BLOCKS)


@dataclass(frozen=True)
class Comparison:
    """Compares pieces with the same references; all of it is the caller's to open and to close."""

    references: Sequence[Reference]
    get: Callable[[int, str], Coroutine[Any, Any, GotBlock]]
    """Block index and token to the block."""
    workers: Workers
    budget: ByteBudget
    """Of blocks of the snapshot; the references' windows come on top of it."""

    async def differences(self, piece: Piece) -> list[BlockDifference]:
        """Get the blocks of one piece and return those that differ.

        Raises:
            BulkputError: the snapshot or a reference could not be read.
        """
        size_bytes = len(piece.tokens) * BLOCK_SIZE_BYTES
        await self.budget.acquire(size_bytes)
        try:
            blocks = await self._got(piece)
            judge = partial(_judge, piece.extents, blocks, self.references)
            return await self.workers.run(judge)
        finally:
            self.budget.release(size_bytes)

    async def _got(self, piece: Piece) -> Blocks:
        try:
            async with asyncio.TaskGroup() as gets:
                tasks = {
                    index: gets.create_task(self.get(index, token))
                    for index, token in piece.tokens.items()
                }
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures
        return {index: task.result() for index, task in tasks.items()}


def _judge(
    extents: Iterable[Extent], blocks: Blocks, references: Sequence[Reference]
) -> list[BlockDifference]:
    """Compare in a worker: blocking."""
    return [
        difference
        for reference in references
        for extent in extents
        for difference in reference.differences(extent, blocks)
    ]
