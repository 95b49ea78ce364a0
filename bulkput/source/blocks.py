"""Blocks of a source: ranges of bytes made whole blocks, and whether blocks are there. Pure."""

from collections.abc import Iterable, Iterator

from bulkput.model.block import Extent, extent_of_bytes
from bulkput.model.runs import joined


def merged_extents(runs_bytes: Iterable[tuple[int, int]]) -> Iterator[Extent]:
    """Return the blocks that ascending byte ranges (start, stop) touch, merged where they meet."""
    return joined(extent_of_bytes(start, stop) for start, stop in runs_bytes)


def check_blocks(start: int, block_count: int, total: int) -> None:
    """Check that blocks ``start`` to ``start + block_count`` are of a source of ``total``.

    Raises:
        IndexError: they are not all.
    """
    if start < 0 or block_count < 1 or start + block_count > total:
        stop = start + block_count
        raise IndexError(f"blocks {start} to {stop} are not all in 0 to {total}")
