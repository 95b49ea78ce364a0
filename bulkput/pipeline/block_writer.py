"""Some blocks of a snapshot, brought to a destination; here or in another process.

Every block that is settled is marked after its bytes are the kernel's, so a killed process loses no
more than what was under way.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from bulkput.destination.destination import Target
from bulkput.ebs.snapshot import GotBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.model.disk_map import BlockFate
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.workers import Workers


@dataclass(frozen=True, slots=True)
class WantedBlock:
    """A block of the snapshot, and the token to get it with; None where it is to be zeros."""

    index: int
    token: str | None


class WantedGroup(NamedTuple):
    """Blocks that are brought by one process."""

    blocks: tuple[WantedBlock, ...]
    digests: tuple[bytes | None, ...]
    """Of what an earlier run brought of each, if it did."""


@dataclass(frozen=True, slots=True)
class WrittenBlock:
    """What became of a block."""

    index: int
    fate: BlockFate
    is_got: bool
    is_zero: bool


class Settled(Protocol):
    """Keeps what is settled at the destination."""

    def settle(self, index: int, digest: bytes) -> None:
        """Note that the destination holds the block with ``digest``. Blocks."""
        ...


@dataclass(frozen=True)
class BlockWriter:
    """Brings blocks to one destination; all of it is the caller's to open and to close."""

    target: Target
    settled: Settled
    get: Callable[[int, str], Awaitable[GotBlock]]
    """Block index and token to the block."""
    workers: Workers
    budget: ByteBudget
    is_blank: bool
    """Whether all that was not written yet is a hole, and nothing is ever brought twice."""

    async def write(self, group: WantedGroup) -> list[WrittenBlock]:
        """Bring some blocks, unless what an earlier run brought is still there.

        After a cancellation a worker may still be writing what is then marked.

        Raises:
            BulkputError: the first final failure.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                writes = [
                    tasks.create_task(self._write(block, digest))
                    for block, digest in zip(group.blocks, group.digests, strict=True)
                ]
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures
        return [task.result() for task in writes]

    async def _write(self, block: WantedBlock, digest: bytes | None) -> WrittenBlock:
        await self.budget.acquire(BLOCK_SIZE_BYTES)
        try:
            return await self._written(block, digest)
        finally:
            self.budget.release(BLOCK_SIZE_BYTES)

    async def _written(self, block: WantedBlock, digest: bytes | None) -> WrittenBlock:
        index, run = block.index, self.workers.run
        if digest is not None and await run(partial(self._holds, index, digest)):
            is_zero = digest == ZERO_BLOCK_DIGEST
            return WrittenBlock(index, BlockFate.RESUMED, is_got=False, is_zero=is_zero)
        if block.token is None:
            await run(partial(self._store_zeros, index))
            return WrittenBlock(index, BlockFate.SKIPPED_HOLE, is_got=False, is_zero=False)
        got = await self.get(index, block.token)
        await run(partial(self._store, index, got))
        is_zero = got.digest == ZERO_BLOCK_DIGEST
        fate = BlockFate.ZEROS if is_zero else BlockFate.DATA
        return WrittenBlock(index, fate, is_got=True, is_zero=is_zero)

    def _holds(self, index: int, digest: bytes) -> bool:
        return hashlib.sha256(self.target.read(index)).digest() == digest

    def _store(self, index: int, got: GotBlock) -> None:
        """Blocking: in a worker. The mark comes last."""
        if got.digest == ZERO_BLOCK_DIGEST:
            self._store_zeros(index)
            return
        self.target.write(index, got.content)
        self.settled.settle(index, got.digest)

    def _store_zeros(self, index: int) -> None:
        if not self.is_blank:
            self.target.zero(index, index + 1)
        self.settled.settle(index, ZERO_BLOCK_DIGEST)
