"""The wiring of one volume: reader, hashers and uploader around one ledger.

Knows no YAML, no terminal and no service but a place to put blocks.
"""

import asyncio
from functools import partial

from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.model.errors import ServiceError
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.hasher import Hasher
from bulkput.pipeline.hashing import HashedWindow, hash_hole, hash_window
from bulkput.pipeline.paced_call import PacedCall
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.put import PutPath
from bulkput.pipeline.reader import Reader
from bulkput.pipeline.uploader import Uploader
from bulkput.planning.spans import Span


async def upload_blocks(snapshot_id: str, parts: UploadParts, policy: UploadPolicy) -> None:
    """Put every block of the spans that belongs into the snapshot.

    Returns when each is acknowledged or left out for a reason that is in the ledger. However it
    ends, no put is under way afterwards and the ledger is flushed; after a cancellation the puts
    in flight had ``shutdown_grace_s`` to end.

    Raises:
        BulkputError: the first final failure.
    """
    budget = parts.budget
    backlog = Backlog(policy.window_blocks)
    pieces = Channel[Span](parts.workers.count)
    hashed = Channel[HashedWindow](parts.workers.count)
    reader = Reader(parts, policy, backlog=backlog, output=pieces)
    hasher = Hasher(parts.source, parts.workers, backlog, inputs=pieces, output=hashed)
    stopping = asyncio.Event()
    put = _put_path(snapshot_id, parts, backlog, stopping)
    uploader = Uploader(parts, policy, inputs=hashed, put=put, backlog=backlog, stopping=stopping)
    try:
        async with asyncio.TaskGroup() as stages:
            stages.create_task(reader.run())
            stages.create_task(hasher.run())
            stages.create_task(uploader.run())
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    finally:
        try:
            await uploader.drain(policy.shutdown_grace_s)
        finally:
            progress = parts.progress
            progress.bytes_in_flight_max = max(progress.bytes_in_flight_max, budget.peak_bytes)
            parts.ledger.flush()


def _put_path(
    snapshot_id: str,
    parts: UploadParts,
    backlog: Backlog,
    stopping: asyncio.Event,
) -> PutPath:
    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        if stopping.is_set():  # no new attempt may start
            raise asyncio.CancelledError
        parts.on_retry(index, error, delay_s)

    call = PacedCall(
        pacer=parts.pacer,
        retrier=parts.retrier,
        progress=parts.progress,
        counts=parts.progress.puts,
    )
    return PutPath(
        snapshot_id=snapshot_id,
        sink=parts.sink,
        ledger=parts.ledger,
        call=call,
        tally=parts.tally,
        backlog=backlog,
        reread=partial(_reread, parts),
        on_retry=on_retry,
    )


async def _reread(parts: UploadParts, block: HeldBlock) -> HeldBlock:
    """Read and hash one block again, for a put that is repeated."""
    budget, index = parts.budget, block.index
    await budget.acquire(BLOCK_SIZE_BYTES)
    try:
        if block.digest == ZERO_BLOCK_DIGEST:  # of a hole perhaps, where a snapshot has no block
            hashed = hash_hole(index, 1)
        else:
            source = parts.source
            hashed = await parts.workers.run(lambda: hash_window(source.read_window(index, 1)))
    except BaseException:
        budget.release(BLOCK_SIZE_BYTES)
        raise
    digest = hashed.digests[0].tobytes()
    return HeldBlock(index, digest, hashed.window, budget, can_be_reread=True)
