"""The proof: a snapshot is read back and compared with its source, byte for byte.

Blocks that the snapshot does not have must be zero in the source; blocks beyond the source's end
must be zero in the snapshot.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol

import numpy as np

from bulkput.model.errors import ServiceError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.hashing import is_zero
from bulkput.pipeline.retry import OnRetry, Retrier
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span, spans
from bulkput.source.source import Source

_WINDOW_BLOCKS = 16
"""8 MiB of the source and as much of the snapshot for each window under comparison."""

_SPANS_PER_HOP = 64
"""Finding extents blocks, so it runs in a worker; one hop for many spans."""

_WINDOWS_AT_ONCE = 4
"""64 gets in flight, 64 MiB in memory: as many as the other clients run by default."""


@dataclass(frozen=True)
class ListedBlock:
    """A block that the snapshot has, and the token to get it with."""

    index: int
    token: str


class SnapshotReads(Protocol):
    """How a snapshot is read."""

    def list_blocks(self, snapshot_id: str) -> AsyncIterator[ListedBlock]:
        """Return all blocks in ascending order."""
        ...

    async def get_block(self, snapshot_id: str, block_index: int, block_token: str) -> bytes:
        """Return 524288 bytes whose checksum has been compared; one attempt."""
        ...


@dataclass(frozen=True)
class Comparison:
    """One window's worth of work."""

    span: Span
    tokens: Mapping[int, str]


@dataclass(frozen=True)
class ReadbackParts:
    """What a comparison works with; all of it is the caller's to open and to close."""

    source: Source
    reads: SnapshotReads
    pacer: Pacer
    retrier: Retrier
    workers: Workers
    progress: Progress
    on_retry: OnRetry


async def differing_blocks(snapshot_id: str, parts: ReadbackParts) -> list[int]:
    """Return the indexes of all blocks that differ, ascending; empty when all are equal.

    Raises:
        BulkputError: the snapshot or the source could not be read.
    """
    differing: list[int] = []
    places = asyncio.Semaphore(_WINDOWS_AT_ONCE)

    async def compare(work: Comparison) -> None:
        try:
            differing.extend(await _compare(snapshot_id, work, parts))
        finally:
            places.release()

    try:
        async with (
            asyncio.TaskGroup() as group,
            aclosing(_comparisons(snapshot_id, parts)) as work_items,
        ):
            async for work in work_items:
                await places.acquire()
                group.create_task(compare(work))
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    return sorted(differing)


class _Cursor:
    """Takes listed blocks in order, up to a limit that the source's walk sets."""

    def __init__(self, listed: AsyncIterator[ListedBlock]) -> None:
        self._listed = listed
        self._next: ListedBlock | None = None

    async def below(self, stop: float) -> dict[int, str]:
        """Return the tokens of at most one window of blocks with an index under ``stop``."""
        tokens: dict[int, str] = {}
        while len(tokens) < _WINDOW_BLOCKS:
            if self._next is None:
                self._next = await anext(self._listed, None)
            if self._next is None or self._next.index >= stop:
                break
            tokens[self._next.index] = self._next.token
            self._next = None
        return tokens


async def _comparisons(snapshot_id: str, parts: ReadbackParts) -> AsyncGenerator[Comparison, None]:
    """Walk source and snapshot side by side; holes that the snapshot lacks need no work."""
    source = parts.source
    walk = spans(source.extents(), source.block_count, span_blocks=_WINDOW_BLOCKS)
    cursor = _Cursor(parts.reads.list_blocks(snapshot_id))
    while batch := await parts.workers.run(lambda: list(islice(walk, _SPANS_PER_HOP))):
        for span in batch:
            if span.is_hole:
                async for work in _empty(cursor, span.stop):
                    yield work
            else:
                yield Comparison(span, await cursor.below(span.stop))
            parts.progress.blocks_verified += span.stop - span.start
    async for work in _empty(cursor, float("inf")):
        yield work


async def _empty(cursor: _Cursor, stop: float) -> AsyncIterator[Comparison]:
    """Return the blocks that the snapshot has where the source has none."""
    while tokens := await cursor.below(stop):
        indexes = list(tokens)
        yield Comparison(Span(indexes[0], indexes[-1] + 1, is_hole=True), tokens)


async def _compare(snapshot_id: str, work: Comparison, parts: ReadbackParts) -> list[int]:
    """Get the blocks of one window and return the indexes of those that differ."""
    async with asyncio.TaskGroup() as gets:
        tasks = {
            index: gets.create_task(_get(snapshot_id, index, token, parts))
            for index, token in work.tokens.items()
        }
    blocks = {index: task.result() for index, task in tasks.items()}
    return await parts.workers.run(partial(_differing, parts.source, work.span, blocks))


async def _get(snapshot_id: str, index: int, token: str, parts: ReadbackParts) -> bytes:
    async def attempt() -> bytes:
        admission = await parts.pacer.admit()
        try:
            block = await parts.reads.get_block(snapshot_id, index, token)
        except ServiceError as error:
            parts.pacer.settled(admission, error.failure)
            raise
        except BaseException:
            parts.pacer.withdraw(admission)
            raise
        parts.pacer.settled(admission, None)
        return block

    return await parts.retrier.run(attempt, parts.on_retry)


def _differing(source: Source, span: Span, blocks: Mapping[int, bytes]) -> list[int]:
    """Compare in a worker: blocking."""
    if span.is_hole:
        return [index for index, block in blocks.items() if not is_zero(memoryview(block))]
    window = source.read_window(span.start, span.stop - span.start)
    try:
        return [
            index
            for index in range(span.start, span.stop)
            if not _is_equal(window.block(index), blocks.get(index))
        ]
    finally:
        window.close()


def _is_equal(block: memoryview, got: bytes | None) -> bool:
    if got is None:
        return is_zero(block)
    return np.array_equal(np.frombuffer(block, np.uint64), np.frombuffer(got, np.uint64))
