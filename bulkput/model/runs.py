"""Runs of block indexes: made of masks and of single indexes, and joined where they touch. Pure.

The one place for it. Nothing is kept but the run that is still open: a disk has as many as it
likes.
"""

import heapq
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bulkput.model.block import Extent


def runs(mask: NDArray[np.bool_], first_index: int = 0) -> Iterator[Extent]:
    """Yield the runs of True in ``mask``, whose first element is of block ``first_index``."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)) + first_index
    for start, stop in edges.reshape(-1, 2).tolist():
        yield Extent(start, stop)


def joined(*ascending: Iterable[Extent]) -> Iterator[Extent]:
    """Yield the blocks that are in any of several ascending series, each run as long as can be."""
    current: Extent | None = None
    for extent in heapq.merge(*ascending):
        if current is None:
            current = extent
        elif extent.start <= current.stop:
            current = Extent(current.start, max(current.stop, extent.stop))
        else:
            yield current
            current = extent
    if current is not None:
        yield current


def runs_of(indexes: Iterable[int]) -> Iterator[Extent]:
    """Yield ascending ``indexes`` as runs."""
    return joined(Extent(index, index + 1) for index in indexes)
