"""Verification: a snapshot is read back and compared with what it should be.

Blocks that the snapshot does not have must be zeros; so must blocks beyond the end of what it is
compared with. Differences are reported in ascending order, whatever the order of the answers.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bulkput.model.block import Extent
from bulkput.model.difference import BlockDifference, Difference, DifferenceRuns
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress
from bulkput.model.runs import joined, runs_of
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.comparing import Piece
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.reference import Reference
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span, spans

_SPANS_PER_HOP = 64
"""Finding extents blocks, so it runs in a worker; one hop for many spans."""

_AHEAD_PIECES = 512
"""Under way or compared behind one that is not: at the quota eight seconds in which a get may hang
before the others wait for it. Tokens and differences of so many are 2 MiB."""


@dataclass(frozen=True)
class ReadbackParts:
    """What a comparison works with; all of it is the caller's to open and to close."""

    references: Sequence[Reference]
    list_pages: Callable[[], AsyncGenerator[Page[ListedBlock], None]]
    """Lists the blocks of the snapshot from the start."""
    differences: Callable[[Piece], Coroutine[Any, Any, list[BlockDifference]]]
    """Gets and compares one piece, here or elsewhere, when there is memory for it."""
    workers: Workers
    progress: Progress
    piece_blocks: int
    """The most of a piece."""
    on_difference: Callable[[Difference], None]
    """Called for each differing range."""

    @property
    def pieces_max(self) -> int:
        """How many may be under way: one after the other, where that is how a reference is read."""
        is_sequential = any(reference.is_sequential for reference in self.references)
        return 1 if is_sequential else _AHEAD_PIECES


@dataclass(frozen=True)
class Sample:
    """Which blocks are compared, if not all: ``block_count`` of those with data, at random."""

    block_count: int
    seed: int


async def compare(parts: ReadbackParts, sample: Sample | None = None) -> int:
    """Compare, report every differing range, and return how many blocks were compared.

    Raises:
        BulkputError: the snapshot or a reference could not be read.
    """
    runs = DifferenceRuns(parts.on_difference)
    progress = parts.progress

    def pass_over(hole: Span) -> None:
        progress.blocks_verified += hole.stop - hole.start
        progress.disk.add(BlockFate.VERIFIED, hole.start, hole.stop)

    pieces = _pieces(parts, pass_over) if sample is None else _sampled(parts, sample)
    under_way: deque[tuple[Piece, asyncio.Task[list[BlockDifference]]]] = deque()
    compared = 0

    async def settle_first() -> None:
        piece, task = under_way.popleft()
        for difference in await task:
            runs.add(difference)
            progress.disk.add(BlockFate.DIFFERENT, difference.block_index)
        for extent in piece.extents if piece.counts else ():
            progress.disk.add(BlockFate.VERIFIED, extent.start, extent.stop)
        progress.blocks_verified += piece.block_count if piece.counts else 0

    try:
        async with asyncio.TaskGroup() as group, aclosing(pieces):
            async for piece in pieces:
                while len(under_way) >= parts.pieces_max:
                    await settle_first()
                compared += piece.block_count
                under_way.append((piece, group.create_task(parts.differences(piece))))
                while under_way and under_way[0][1].done():
                    await settle_first()
            while under_way:
                await settle_first()
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    finally:
        runs.close()
    return compared


class _Cursor:
    """Takes listed blocks in order, up to a limit that the references' walk sets."""

    def __init__(self, listed: AsyncIterator[ListedBlock], piece_blocks: int) -> None:
        self._listed = listed
        self._piece_blocks = piece_blocks
        self._next: ListedBlock | None = None

    async def below(self, stop: float) -> dict[int, str]:
        """Return the tokens of at most one piece of blocks with an index under ``stop``."""
        tokens: dict[int, str] = {}
        while len(tokens) < self._piece_blocks:
            if self._next is None:
                self._next = await anext(self._listed, None)
            if self._next is None or self._next.index >= stop:
                break
            tokens[self._next.index] = self._next.token
            self._next = None
        return tokens


async def _listed(pages: AsyncIterator[Page[ListedBlock]]) -> AsyncGenerator[ListedBlock, None]:
    async for page in pages:
        for block in page.items:
            yield block


async def _pieces(
    parts: ReadbackParts, pass_over: Callable[[Span], None]
) -> AsyncGenerator[Piece, None]:
    """Walk references and snapshot side by side; where neither has data there is nothing to do.

    Holes are passed over as they are met.
    """
    count = max(reference.block_count for reference in parts.references)
    extents = joined(*(reference.extents() for reference in parts.references))
    walk = spans(extents, count, span_blocks=parts.piece_blocks)
    async with aclosing(parts.list_pages()) as pages, aclosing(_listed(pages)) as listed:
        cursor = _Cursor(listed, parts.piece_blocks)
        while batch := await parts.workers.run(lambda: list(islice(walk, _SPANS_PER_HOP))):
            for span in batch:
                if span.is_hole:
                    while tokens := await cursor.below(span.stop):
                        yield Piece(tuple(runs_of(tokens)), tokens, counts=False)
                    pass_over(span)
                else:
                    tokens = await cursor.below(span.stop)
                    yield Piece((Extent(span.start, span.stop),), tokens)
        while tokens := await cursor.below(float("inf")):
            yield Piece(tuple(runs_of(tokens)), tokens, counts=False)


async def _sampled(parts: ReadbackParts, sample: Sample) -> AsyncGenerator[Piece, None]:
    """Walk twice: count the blocks that may be chosen, then choose (Knuth's algorithm S)."""
    candidates = 0
    async with aclosing(_pieces(parts, lambda _: None)) as pieces:
        async for piece in pieces:
            candidates += piece.block_count
    wanted = min(sample.block_count, candidates)
    parts.progress.blocks_to_verify = wanted
    chance = random.Random(sample.seed)  # noqa: S311 - has to be repeatable, nothing secret
    async with aclosing(_pieces(parts, lambda _: None)) as pieces:
        async for piece in pieces:
            chosen = []
            for index in piece.indexes:
                if chance.random() * candidates < wanted:
                    chosen.append(index)
                    wanted -= 1
                candidates -= 1
            if chosen:
                tokens = {index: piece.tokens[index] for index in chosen if index in piece.tokens}
                yield Piece(tuple(runs_of(chosen)), tokens)
            if not wanted:
                return
