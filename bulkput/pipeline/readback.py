"""Verification: a snapshot is read back and compared with what it should be.

Blocks that the snapshot does not have must be zeros; so must blocks beyond the end of what it is
compared with. Differences are reported in ascending order, whatever the order of the answers.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice

from bulkput.model.block import Extent
from bulkput.model.difference import BlockDifference, Difference, DifferenceRuns
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress
from bulkput.model.runs import joined, runs_of
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.reference import Blocks, Reference
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span, spans

_WINDOW_BLOCKS = 16
"""8 MiB of each reference for each piece under comparison."""

_SPANS_PER_HOP = 64
"""Finding extents blocks, so it runs in a worker; one hop for many spans."""


@dataclass(frozen=True)
class ReadbackParts:
    """What a comparison works with; all of it is the caller's to open and to close."""

    references: Sequence[Reference]
    list_pages: Callable[[], AsyncGenerator[Page[ListedBlock], None]]
    """Lists the blocks of the snapshot from the start."""
    get: GetPath
    workers: Workers
    progress: Progress
    held_blocks_max: int
    """Blocks of the snapshot in memory at once; the references' windows come on top of it."""
    on_difference: Callable[[Difference], None]
    """Called for each differing range."""


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
    under_way: deque[tuple[_Piece, asyncio.Task[list[BlockDifference]]]] = deque()
    held = compared = 0

    async def settle_first() -> int:
        piece, task = under_way.popleft()
        for difference in await task:
            runs.add(difference)
            progress.disk.add(BlockFate.DIFFERENT, difference.block_index)
        for extent in piece.extents if piece.counts else ():
            progress.disk.add(BlockFate.VERIFIED, extent.start, extent.stop)
        progress.blocks_verified += piece.block_count if piece.counts else 0
        return piece.cost

    try:
        async with asyncio.TaskGroup() as group, aclosing(pieces):
            async for piece in pieces:
                while under_way and held + piece.cost > parts.held_blocks_max:
                    held -= await settle_first()
                held += piece.cost
                compared += piece.block_count
                under_way.append((piece, group.create_task(_differences(piece, parts))))
            while under_way:
                held -= await settle_first()
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    finally:
        runs.close()
    return compared


@dataclass(frozen=True)
class _Piece:
    """Blocks that are compared in one go."""

    extents: tuple[Extent, ...]
    tokens: Mapping[int, str]
    counts: bool = True
    """For the progress; not if its blocks are part of a hole, which is counted as a whole."""

    @property
    def block_count(self) -> int:
        return sum(extent.block_count for extent in self.extents)

    @property
    def cost(self) -> int:
        return max(1, len(self.tokens))

    @property
    def indexes(self) -> Iterable[int]:
        return (index for extent in self.extents for index in range(extent.start, extent.stop))


class _Cursor:
    """Takes listed blocks in order, up to a limit that the references' walk sets."""

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


async def _listed(pages: AsyncIterator[Page[ListedBlock]]) -> AsyncGenerator[ListedBlock, None]:
    async for page in pages:
        for block in page.items:
            yield block


async def _pieces(
    parts: ReadbackParts, pass_over: Callable[[Span], None]
) -> AsyncGenerator[_Piece, None]:
    """Walk references and snapshot side by side; where neither has data there is nothing to do.

    Holes are passed over as they are met.
    """
    count = max(reference.block_count for reference in parts.references)
    extents = joined(*(reference.extents() for reference in parts.references))
    walk = spans(extents, count, span_blocks=_WINDOW_BLOCKS)
    async with aclosing(parts.list_pages()) as pages, aclosing(_listed(pages)) as listed:
        cursor = _Cursor(listed)
        while batch := await parts.workers.run(lambda: list(islice(walk, _SPANS_PER_HOP))):
            for span in batch:
                if span.is_hole:
                    while tokens := await cursor.below(span.stop):
                        yield _Piece(tuple(runs_of(tokens)), tokens, counts=False)
                    pass_over(span)
                else:
                    tokens = await cursor.below(span.stop)
                    yield _Piece((Extent(span.start, span.stop),), tokens)
        while tokens := await cursor.below(float("inf")):
            yield _Piece(tuple(runs_of(tokens)), tokens, counts=False)


async def _sampled(parts: ReadbackParts, sample: Sample) -> AsyncGenerator[_Piece, None]:
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
                yield _Piece(tuple(runs_of(chosen)), tokens)
            if not wanted:
                return


async def _differences(piece: _Piece, parts: ReadbackParts) -> list[BlockDifference]:
    """Get the blocks of one piece and return those that differ."""
    async with asyncio.TaskGroup() as gets:
        tasks = {
            index: gets.create_task(parts.get(index, token))
            for index, token in piece.tokens.items()
        }
    blocks = {index: task.result() for index, task in tasks.items()}
    return await parts.workers.run(partial(_judge, piece.extents, blocks, parts.references))


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
