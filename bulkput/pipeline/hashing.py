"""From bytes to digests: the zero test and SHA-256 over a window, in one call of a worker.

Blocking and pure but for the source that it reads.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bulkput.model.block import DIGEST_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.source.source import Window
from bulkput.source.zero import ZeroWindow

_PROBE_WORDS = 64
"""512 bytes: random or text data fails the zero test here, before the rest is touched."""


@dataclass(frozen=True, eq=False)
class HashedWindow:
    """A window with what its bytes are."""

    window: Window
    is_hole: bool
    is_zero: NDArray[np.bool_]
    """Shape ``(block_count,)``."""
    digests: NDArray[np.uint8]
    """Shape ``(block_count, 32)``."""


def is_zero(block: memoryview) -> bool:
    """Return whether all bytes of a block are zero."""
    words = np.frombuffer(block, dtype=np.uint64)
    return not words[:_PROBE_WORDS].any() and not words.any()


@runtime_checkable
class DigestedWindow(Window, Protocol):
    """A window whose blocks came with digests that have been compared with their bytes."""

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of block ``index``."""
        ...


def hash_window(window: Window) -> HashedWindow:
    """Return zero flags and digests of every block of ``window``."""
    if isinstance(window, DigestedWindow):
        return _taken(window)
    count = window.block_count
    zero_flags = np.zeros(count, dtype=np.bool_)
    digests = bytearray(count * DIGEST_SIZE_BYTES)
    for position in range(count):
        block = window.block(window.start + position)
        offset = position * DIGEST_SIZE_BYTES
        if is_zero(block):
            zero_flags[position] = True
            digest = ZERO_BLOCK_DIGEST
        else:
            digest = hashlib.sha256(block).digest()
        digests[offset : offset + DIGEST_SIZE_BYTES] = digest
    return HashedWindow(
        window=window,
        is_hole=False,
        is_zero=zero_flags,
        digests=np.frombuffer(digests, dtype=np.uint8).reshape(count, DIGEST_SIZE_BYTES),
    )


def _taken(window: DigestedWindow) -> HashedWindow:
    """Return the same without hashing anything twice."""
    count = window.block_count
    content = b"".join(window.digest(window.start + position) for position in range(count))
    digests = np.frombuffer(content, dtype=np.uint8).reshape(count, DIGEST_SIZE_BYTES)
    zero = np.frombuffer(ZERO_BLOCK_DIGEST, dtype=np.uint8)
    return HashedWindow(
        window=window, is_hole=False, is_zero=(digests == zero).all(axis=1), digests=digests
    )


def hash_hole(start: int, block_count: int) -> HashedWindow:
    """Return what ``hash_window`` would for a hole, without touching any byte."""
    digest = np.frombuffer(ZERO_BLOCK_DIGEST, dtype=np.uint8)
    return HashedWindow(
        window=ZeroWindow(start, block_count),
        is_hole=True,
        is_zero=np.ones(block_count, dtype=np.bool_),
        digests=np.broadcast_to(digest, (block_count, DIGEST_SIZE_BYTES)),
    )
