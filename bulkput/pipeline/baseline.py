"""What an increment is compared with: the blocks that its parent shows."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bulkput.model.block import DIGEST_SIZE_BYTES, Extent


class Baseline(Protocol):
    """The parent's blocks; read from several threads."""

    def present(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which blocks the parent has: of its own, or of its parents."""
        ...

    def digests(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the digest of each block, shape ``(stop - start, 32)``; zeros where absent."""
        ...

    def extents(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of blocks that the parent has, ascending."""
        ...


Unchanged = Callable[[int, int], NDArray[np.bool_]]
"""First block and one after the last to the blocks that are known to be the parent's, unread."""


def nothing_is_known(start: int, stop: int) -> NDArray[np.bool_]:
    """Return that every block has to be read to know whether it is the parent's."""
    return np.zeros(stop - start, dtype=np.bool_)


class NoBaseline:
    """Of a snapshot without a parent."""

    def present(self, start: int, stop: int) -> NDArray[np.bool_]:
        return np.zeros(stop - start, dtype=np.bool_)

    def digests(self, start: int, stop: int) -> NDArray[np.uint8]:
        return np.zeros((stop - start, DIGEST_SIZE_BYTES), dtype=np.uint8)

    def extents(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:  # noqa: ARG002 - the Protocol's
        return iter(())
