"""The way of one put: a small attempt, and what is wrapped around it.

Composed in ``PutPath.__call__``; each wrapper does one thing and decides nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.model.progress import Progress
from bulkput.pace.pacer import Admission, Pacer
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.retry import Retrier

_THROTTLES = frozenset({FailureClass.THROTTLED_ACCOUNT, FailureClass.THROTTLED_SNAPSHOT})


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


RereadBlock = Callable[[int], Awaitable[HeldBlock]]
"""Reads and hashes one block again, within the budget; raises ``SourceError``."""

OnPutRetry = Callable[[int, ServiceError, float], None]
"""Block index, error, delay in seconds."""


class PutPath:
    """Puts blocks of one snapshot, each until it is acknowledged or finally failed."""

    def __init__(
        self,
        *,
        snapshot_id: str,
        sink: BlockSink,
        ledger: Ledger,
        pacer: Pacer,
        retrier: Retrier,
        progress: Progress,
        reread: RereadBlock,
        on_retry: OnPutRetry,
    ) -> None:
        self._snapshot_id = snapshot_id
        self._sink = sink
        self._ledger = ledger
        self._pacer = pacer
        self._retrier = retrier
        self._progress = progress
        self._reread = reread
        self._on_retry = on_retry
        self.sending: set[asyncio.Task[None]] = set()
        """The tasks that have an attempt in flight: what a stop lets end."""
        self.begun: set[asyncio.Task[None]] = set()
        """The tasks that had their first attempt: what waits now was read and hashed for it."""

    async def __call__(self, block: HeldBlock) -> None:
        """Put ``block`` until it is acknowledged.

        From the outside in: *retry* (reads the block again if its bytes were let go), *pace*
        (waits for rate and slot, before every attempt), *record* (the ledger says ``sent``
        before and ``acknowledged`` after), and one attempt of the sink. So every attempt is
        paced, every attempt is in the ledger before it can reach the service, and no wrapper
        sees a retry of another.
        """
        index = block.index
        clock = self._retrier.clock
        queued_s = 0.0

        async def attempt() -> None:
            nonlocal block, queued_s
            asked_s = clock.monotonic_s()
            if not block.is_held:
                block = await self._reread(index)
            admission = await self._pacer.admit()
            queued_s += clock.monotonic_s() - asked_s
            await self._admitted(block, admission)

        def on_retry(error: ServiceError, delay_s: float) -> None:
            self._progress.puts_retried += 1
            self._on_retry(index, error, delay_s)

        try:
            # A slow pace is no failure: a queue may be longer than an operation's deadline.
            await self._retrier.run(attempt, on_retry, lambda: queued_s)
        finally:
            self.begun.discard(_current_task())
            block.release()

    async def _admitted(self, block: HeldBlock, admission: Admission) -> None:
        progress = self._progress
        task = _current_task()
        self.sending.add(task)
        self.begun.add(task)
        progress.puts_attempted += 1
        progress.in_flight += 1
        try:
            await self._recorded(block)
        except ServiceError as error:
            self._pacer.settled(admission, error.failure)
            name = error.failure.name.lower()
            progress.failures[name] = progress.failures.get(name, 0) + 1
            progress.puts_throttled += error.failure in _THROTTLES
            raise
        except BaseException:
            self._pacer.withdraw(admission)
            raise
        else:
            self._pacer.settled(admission, None)
        finally:
            block.release_if_rereadable()
            self.sending.discard(task)
            progress.in_flight -= 1

    async def _recorded(self, block: HeldBlock) -> None:
        digest = block.digest
        self._ledger.mark_sent(block.index, digest)
        await self._sink.put_block(
            self._snapshot_id, block.index, block.view(), digest, block.release_if_rereadable
        )
        self._ledger.mark_acknowledged(block.index, digest)
        self._progress.blocks_put += 1


def _current_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has one
    return task
