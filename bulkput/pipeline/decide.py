"""Which blocks of a window are put, and why the others are not: pure, over whole windows.

The one rule that must never break: a block that was ever sent may be in the snapshot, so it is
never skipped nor taken for the parent's, only put again or vouched for by an acknowledged, equal
digest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bulkput.ledger.record import State, never_sent
from bulkput.pipeline.baseline import Baseline
from bulkput.pipeline.hashing import HashedWindow

Mask = NDArray[np.bool_]


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
