"""Which blocks of a window are put, and why the others are not: pure, over whole windows.

The one rule that must never break: a block that was ever sent may be in the snapshot, so it is
never skipped, only put again or vouched for by an acknowledged, equal digest.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bulkput.ledger.record import State
from bulkput.model.block import Extent
from bulkput.pipeline.hashing import HashedWindow

Mask = NDArray[np.bool_]

_MAY_BE_IN_SNAPSHOT = (State.SENT, State.ACKNOWLEDGED, State.LOST)


@dataclass(frozen=True, eq=False)
class Decision:
    """Disjoint masks that cover a window, each of shape ``(block_count,)``."""

    put: Mask
    resumed: Mask
    """In the snapshot already, with this very digest."""
    skipped: Mask
    """Empty, and the zero policy leaves it out."""


def decide(
    hashed: HashedWindow,
    states: NDArray[np.uint8],
    acknowledged: NDArray[np.uint8],
    *,
    skip_zeros: bool,
) -> Decision:
    """Sort the blocks of ``hashed``.

    Args:
        hashed: What the source holds now.
        states: The ledger's states, shape ``(block_count,)``.
        acknowledged: The ledger's digests, shape ``(block_count, 32)``; read only where the
            state is ACKNOWLEDGED.
        skip_zeros: Whether empty blocks of this window may be left out of the snapshot.
    """
    is_acknowledged = states == State.ACKNOWLEDGED
    resumed = is_acknowledged & (hashed.digests == acknowledged).all(axis=1)
    untouched = ~np.isin(states, _MAY_BE_IN_SNAPSHOT)
    skipped = hashed.is_zero & untouched if skip_zeros else np.zeros_like(resumed)
    return Decision(put=~resumed & ~skipped, resumed=resumed, skipped=skipped)


def runs(mask: Mask) -> Iterator[Extent]:
    """Return the runs of True in ``mask`` as positions."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield Extent(start, stop)
