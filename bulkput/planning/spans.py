"""The source cut into spans: pieces of data small enough to read at once, and whole holes. Pure.

Owns the arithmetic. Keeps nothing: a disk of 64 TiB has as many spans as it likes.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bulkput.model.block import Extent


class Span(NamedTuple):
    """Blocks ``start`` to ``stop``, excluded; all of them data or all of them hole."""

    start: int
    stop: int
    is_hole: bool


def spans(
    extents: Iterable[Extent], block_count: int, *, span_blocks: int, start: int = 0
) -> Iterator[Span]:
    """Yield spans that cover blocks ``start`` to ``block_count`` in ascending order, without a gap.

    Data is cut at multiples of ``span_blocks``, so that the same block falls into the same span
    in every run; a hole is one span, however long.

    Args:
        extents: The data, ascending and disjoint; what lies beyond ``block_count`` is ignored.
        block_count: One after the last block.
        span_blocks: The most blocks in a span of data, at least 1.
        start: The first block; what the data has before it is ignored.
    """
    done = start
    for extent in extents:
        at, stop = max(done, extent.start), min(extent.stop, block_count)
        if at >= stop:
            continue
        if at > done:
            yield Span(done, at, is_hole=True)
        while at < stop:
            cut = min(stop, (at // span_blocks + 1) * span_blocks)
            yield Span(at, cut, is_hole=False)
            at = cut
        done = stop
    if done < block_count:
        yield Span(done, block_count, is_hole=True)
