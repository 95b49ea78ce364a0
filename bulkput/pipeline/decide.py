"""Which blocks of a window are put, and why the others are not: pure, over whole windows.

The one rule that must never break: a block that was ever sent may be in the snapshot, so it is
never skipped nor taken for the parent's, only put again or vouched for by an acknowledged, equal
digest.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bulkput.ledger.record import State
from bulkput.model.block import Extent
from bulkput.pipeline.baseline import Baseline
from bulkput.pipeline.hashing import HashedWindow

Mask = NDArray[np.bool_]

_MAY_BE_IN_SNAPSHOT = (State.SENT, State.ACKNOWLEDGED, State.LOST)


@dataclass(frozen=True, eq=False)
class Decision:
    """Disjoint masks that cover a window, each of shape ``(block_count,)``."""

    put: Mask
    resumed: Mask
    """In the snapshot already, with this very digest."""
    unchanged: Mask
    """The parent shows this very block."""
    skipped: Mask
    """Empty, absent from the parent too, and the zero policy leaves it out."""


def decide(
    hashed: HashedWindow,
    states: NDArray[np.uint8],
    acknowledged: NDArray[np.uint8],
    baseline: Baseline,
    *,
    skip_zeros: bool,
) -> Decision:
    """Sort the blocks of ``hashed``.

    Args:
        hashed: What the source holds now.
        states: The ledger's states, shape ``(block_count,)``.
        acknowledged: The ledger's digests, shape ``(block_count, 32)``; read only where the
            state is ACKNOWLEDGED.
        baseline: The parent's blocks.
        skip_zeros: Whether empty blocks that the parent has not either may be left out.
    """
    start, stop = hashed.window.start, hashed.window.start + hashed.window.block_count
    is_acknowledged = states == State.ACKNOWLEDGED
    resumed = is_acknowledged & (hashed.digests == acknowledged).all(axis=1)
    fresh = never_sent(states)
    present = baseline.present(start, stop)
    unchanged = np.zeros_like(resumed)
    if present.any():
        same = (hashed.digests == baseline.digests(start, stop)).all(axis=1)
        unchanged = fresh & present & same
    # What the parent has shows through wherever nothing is put.
    skipped = hashed.is_zero & fresh & ~present if skip_zeros else np.zeros_like(resumed)
    put = ~(resumed | unchanged | skipped)
    return Decision(put=put, resumed=resumed, unchanged=unchanged, skipped=skipped)


def merged(*ascending: Iterator[Extent]) -> Iterator[Extent]:
    """Yield the runs of blocks that are in any of some series of runs, each as long as can be."""
    current: Extent | None = None
    for extent in heapq.merge(*ascending):
        if current is not None and extent.start <= current.stop:
            current = Extent(current.start, max(current.stop, extent.stop))
            continue
        if current is not None:
            yield current
        current = extent
    if current is not None:
        yield current


def never_sent(states: NDArray[np.uint8]) -> Mask:
    """Return which blocks cannot be in the snapshot: nothing of them was ever sent."""
    return ~np.isin(states, _MAY_BE_IN_SNAPSHOT)


def runs(mask: Mask) -> Iterator[Extent]:
    """Return the runs of True in ``mask`` as positions."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield Extent(start, stop)
