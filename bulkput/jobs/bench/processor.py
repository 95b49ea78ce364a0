"""What one processor does with bytes in memory: copying, the zero test, SHA-256."""

import hashlib
import os

from bulkput.jobs.bench.rounds import median_rate
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pipeline.hashing import is_zero

_COPIED_BYTES = 64 << 20
"""More than the caches of one core hold: memory is to be measured."""

_ZERO_BYTES = 64 << 20
"""As above: a source's zeros come from memory, not from a cache."""


def memory_bytes_per_s(budget_s: float) -> float:
    """Return how fast bytes are copied from memory to memory."""
    source, destination = bytearray(_COPIED_BYTES), memoryview(bytearray(_COPIED_BYTES))

    def copy() -> int:
        destination[:] = source
        return _COPIED_BYTES

    return median_rate(copy, budget_s)


def zero_scan_bytes_per_s(budget_s: float) -> float:
    """Return how fast blocks of zeros are recognised."""
    zeros = memoryview(bytearray(_ZERO_BYTES))
    blocks = [
        zeros[start : start + BLOCK_SIZE_BYTES] for start in range(0, _ZERO_BYTES, BLOCK_SIZE_BYTES)
    ]

    def scan() -> int:
        return sum(BLOCK_SIZE_BYTES for block in blocks if is_zero(block))

    return median_rate(scan, budget_s)


def sha256_bytes_per_s(budget_s: float) -> float:
    """Return how fast blocks are hashed."""
    block = os.urandom(BLOCK_SIZE_BYTES)

    def digest() -> int:
        is_zero(memoryview(block))
        hashlib.sha256(block).digest()
        return BLOCK_SIZE_BYTES

    return median_rate(digest, budget_s)
