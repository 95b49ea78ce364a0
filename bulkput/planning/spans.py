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


def spans(extents: Iterable[Extent], block_count: int, *, span_blocks: int) -> Iterator[Span]:
    """Yield spans that cover blocks 0 to ``block_count`` in ascending order, without a gap.

    Data is cut at multiples of ``span_blocks``, so that the same block falls into the same span
    in every run; a hole is one span, however long.

    Args:
        extents: The data, ascending and disjoint; what lies beyond ``block_count`` is ignored.
        block_count: Blocks of the source.
        span_blocks: The most blocks in a span of data, at least 1.
    """
    done = 0
    for extent in extents:
        start, stop = max(done, extent.start), min(extent.stop, block_count)
        if start >= stop:
            continue
        if start > done:
            yield Span(done, start, is_hole=True)
        while start < stop:
            cut = min(stop, (start // span_blocks + 1) * span_blocks)
            yield Span(start, cut, is_hole=False)
            start = cut
        done = stop
    if done < block_count:
        yield Span(done, block_count, is_hole=True)
