"""The way of one put: a small attempt that the ledger records, and what is wrapped around it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from bulkput.ledger.marks import Marks
from bulkput.model.block import ZERO_BLOCK_DIGEST
from bulkput.model.disk_map import BlockFate
from bulkput.model.errors import ServiceError
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.paced_call import PacedCall
from bulkput.pipeline.tally import Tally


class BlockSink(Protocol):
    """Where blocks go: the data plane of the service."""

    async def put_block(
        self,
        snapshot_id: str,
        block_index: int,
        body: memoryview,
        digest: bytes,
        on_sent: Callable[[], None],
    ) -> None:
        """Make one attempt; ``on_sent`` is called when ``body`` is not needed any more.

        Raises:
            ServiceError: for every way in which an attempt can fail.
        """
        ...


RereadBlock = Callable[[HeldBlock], Awaitable[HeldBlock]]
"""Reads and hashes a block again that was let go, within the budget; raises ``SourceError``."""

OnPutRetry = Callable[[int, ServiceError, float], None]
"""Block index, error, delay in seconds."""


class PutPath:
    """Puts blocks of one snapshot, each until it is acknowledged or finally failed."""

    def __init__(
        self,
        *,
        snapshot_id: str,
        sink: BlockSink,
        ledger: Marks,
        call: PacedCall,
        tally: Tally,
        backlog: Backlog,
        reread: RereadBlock,
        on_retry: OnPutRetry,
    ) -> None:
        self._snapshot_id = snapshot_id
        self._sink = sink
        self._ledger = ledger
        self._call = call
        self._tally = tally
        self._backlog = backlog
        self._reread = reread
        self._on_retry = on_retry
        self.in_flight: set[asyncio.Task[None]] = set()
        """The tasks that have an attempt under way: what a stop lets end."""

    async def __call__(self, block: HeldBlock, *, is_again: bool = False) -> None:
        """Put ``block``, which the backlog counts, until it is acknowledged.

        Args:
            block: The block.
            is_again: It may be in the snapshot from before, as is on the map of the disk already.

        Inside the paced call: the block is read again if its bytes were released, the ledger
        records ``sent`` before and ``acknowledged`` after, and the sink makes one attempt. So
        every attempt is in the ledger before it can reach the service.
        """
        index = block.index
        task = _current_task()
        is_started, is_repeated = False, is_again

        async def prepare() -> None:
            nonlocal block
            if not block.is_held:
                block = await self._reread(block)

        async def attempt() -> None:
            nonlocal is_started
            if not is_started:
                is_started = True
                self._backlog.add(-1)
            self.in_flight.add(task)
            try:
                await self._recorded(block)
            finally:
                block.release_if_rereadable()
                self.in_flight.discard(task)

        def on_retry(error: ServiceError, delay_s: float) -> None:
            nonlocal is_repeated
            if not is_repeated:
                is_repeated = True
                self._tally.place(BlockFate.REPEATED, index)
            self._on_retry(index, error, delay_s)

        try:
            await self._call.run(attempt, on_retry, prepare)
        finally:
            if not is_started:
                self._backlog.add(-1)
            block.release()

    async def _recorded(self, block: HeldBlock) -> None:
        digest = block.digest
        self._ledger.mark_sent(block.index, digest)
        await self._sink.put_block(
            self._snapshot_id, block.index, block.view(), digest, block.release_if_rereadable
        )
        self._ledger.mark_acknowledged(block.index, digest)
        fate = BlockFate.ZEROS if digest == ZERO_BLOCK_DIGEST else BlockFate.DATA
        self._tally.place(fate, block.index)
        self._tally.add("blocks_put", block.index)


def _current_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has one
    return task
