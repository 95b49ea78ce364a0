"""Blocks, extents and the arithmetic between bytes, blocks and volumes.

Owns the sizes that the service fixes. Knows nothing of files, requests or digests on disk.
"""

import hashlib
from typing import NamedTuple

BLOCK_SIZE_BYTES = 524_288
"""The only length that PutSnapshotBlock accepts (EBS direct API, service model 2019-11-02)."""

GIB_BYTES = 1 << 30
BLOCKS_PER_GIB = GIB_BYTES // BLOCK_SIZE_BYTES

VOLUME_SIZE_MIN_GIB = 1
VOLUME_SIZE_MAX_GIB = 65_536
"""64 TiB, the largest volume that StartSnapshot accepts."""

BLOCK_COUNT_MAX = VOLUME_SIZE_MAX_GIB * BLOCKS_PER_GIB

DIGEST_SIZE_BYTES = 32
"""A raw SHA-256."""

ZERO_BLOCK_DIGEST = hashlib.sha256(bytes(BLOCK_SIZE_BYTES)).digest()


class Extent(NamedTuple):
    """A run of block indexes, ``start`` included, ``stop`` excluded."""

    start: int
    stop: int

    @property
    def block_count(self) -> int:
        """How many blocks the run has."""
        return self.stop - self.start


def place_text(start: int, stop: int) -> str:
    """Return ``blocks 3-5, bytes 1572864-3145727`` of blocks ``start`` to ``stop``, excluded."""
    name = f"block {start}" if stop == start + 1 else f"blocks {start}-{stop - 1}"
    return f"{name}, bytes {start * BLOCK_SIZE_BYTES}-{stop * BLOCK_SIZE_BYTES - 1}"


def block_count(size_bytes: int) -> int:
    """Return how many blocks hold ``size_bytes``, the last one perhaps partly (rounds up)."""
    return -(-size_bytes // BLOCK_SIZE_BYTES)


def volume_size_gib(size_bytes: int) -> int:
    """Return the smallest volume in whole GiB that holds ``size_bytes``: rounds up, at least 1."""
    return max(VOLUME_SIZE_MIN_GIB, -(-size_bytes // GIB_BYTES))


def extent_of_bytes(start_bytes: int, stop_bytes: int) -> Extent:
    """Return the blocks touched by the byte range, ``stop_bytes`` excluded (rounds outward)."""
    return Extent(start_bytes // BLOCK_SIZE_BYTES, block_count(stop_bytes))
