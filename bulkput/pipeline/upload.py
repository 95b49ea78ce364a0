"""The wiring of one volume: reader, hashers and uploader around one ledger.

Knows no YAML, no terminal and no service but a place to put blocks.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from bulkput.ledger.ledger import Ledger
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.baseline import Baseline, NoBaseline, Unchanged, nothing_is_known
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.hasher import Hasher
from bulkput.pipeline.hashing import HashedWindow, hash_window
from bulkput.pipeline.put import BlockSink, OnPutRetry, PutPath
from bulkput.pipeline.reader import Piece, Reader
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.uploader import Uploader
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import spans
from bulkput.source.source import Source


@dataclass(frozen=True)
class UploadPolicy:
    """What one upload does, and within which bounds."""

    put_holes: bool
    put_zeros: bool
    trust_ledger: bool
    """Whether blocks that the ledger vouches for are passed over without reading them."""
    memory_budget_bytes: int
    window_blocks: int
    give_up_after_s: float
    """How long no put may be acknowledged before the volume ends as temporary."""
    shutdown_grace_s: float
    """How long puts in flight may take to end after a failure or a signal."""


@dataclass(frozen=True)
class UploadParts:
    """What one upload works with; all of it is the caller's to open and to close."""

    source: Source
    ledger: Ledger
    sink: BlockSink
    pacer: Pacer
    retrier: Retrier
    workers: Workers
    clock: Clock
    progress: Progress
    on_retry: OnPutRetry
    baseline: Baseline = field(default_factory=NoBaseline)
    """The parent's blocks, which need no put where the source has the same."""
    unchanged: Unchanged = nothing_is_known


async def upload_blocks(snapshot_id: str, parts: UploadParts, policy: UploadPolicy) -> None:
    """Put every block of the source that belongs into the snapshot.

    Returns when each is acknowledged or left out for a reason that is in the ledger. However it
    ends, no put is under way afterwards and the ledger is flushed; after a cancellation the puts
    in flight had ``shutdown_grace_s`` to end.

    Raises:
        BulkputError: the first final failure.
    """
    budget = ByteBudget(policy.memory_budget_bytes)
    workers, progress = parts.workers, parts.progress
    pieces: Channel[Piece] = Channel(workers.count)
    hashed: Channel[HashedWindow] = Channel(workers.count)
    reader = Reader(
        spans=spans(
            parts.source.extents(), parts.source.block_count, span_blocks=policy.window_blocks
        ),
        ledger=parts.ledger,
        baseline=parts.baseline,
        output=pieces,
        budget=budget,
        workers=workers,
        progress=progress,
        window_blocks=policy.window_blocks,
        put_holes=policy.put_holes,
        skip_zeros=not policy.put_zeros,
        trust=policy.trust_ledger,
        unchanged=parts.unchanged,
    )
    is_short = asyncio.Event()
    is_short.set()
    hasher = Hasher(
        read_window=parts.source.read_window,
        turn=asyncio.Lock() if parts.source.is_sequential else None,
        is_short=is_short,
        workers=workers,
        inputs=pieces,
        output=hashed,
    )
    stopping = asyncio.Event()

    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        if stopping.is_set():  # no new attempt may start
            raise asyncio.CancelledError
        parts.on_retry(index, error, delay_s)

    put = PutPath(
        snapshot_id=snapshot_id,
        sink=parts.sink,
        ledger=parts.ledger,
        pacer=parts.pacer,
        retrier=parts.retrier,
        progress=progress,
        reread=partial(_reread, parts, budget),
        on_retry=on_retry,
    )
    uploader = Uploader(
        inputs=hashed,
        put=put,
        sending=put.sending,
        begun=put.begun,
        stopping=stopping,
        is_short=is_short,
        short_puts=policy.window_blocks,
        ledger=parts.ledger,
        baseline=parts.baseline,
        clock=parts.clock,
        budget=budget,
        can_reread=not parts.source.is_sequential,
        progress=progress,
        put_holes=policy.put_holes,
        skip_zeros=not policy.put_zeros,
        give_up_after_s=policy.give_up_after_s,
    )

    async def hash_all() -> None:
        async with asyncio.TaskGroup() as hashers:
            for number in range(workers.count):
                hashers.create_task(hasher.run(is_helper=number > 0))
        await hashed.close()

    try:
        async with asyncio.TaskGroup() as stages:
            stages.create_task(reader.run())
            stages.create_task(hash_all())
            stages.create_task(uploader.run())
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    finally:
        try:
            await uploader.drain(policy.shutdown_grace_s)
        finally:
            progress.bytes_in_flight_max = max(progress.bytes_in_flight_max, budget.peak_bytes)
            parts.ledger.flush()


async def _reread(parts: UploadParts, budget: ByteBudget, index: int) -> HeldBlock:
    """Read and hash one block again, for a put that is repeated."""
    await budget.acquire(BLOCK_SIZE_BYTES)
    try:
        hashed = await parts.workers.run(lambda: hash_window(parts.source.read_window(index, 1)))
    except BaseException:
        budget.release(BLOCK_SIZE_BYTES)
        raise
    digest = hashed.digests[0].tobytes()
    return HeldBlock(index, digest, hashed.window, budget, can_be_reread=True)
