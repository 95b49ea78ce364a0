"""Windows read by preadv into pooled memory: for what cannot be mapped, or better is not.

Owns the pool and the window over its buffers. A source that shrinks or breaks can only make a
read fail here, never the process.
"""

import mmap
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.read_exactly import read_exactly

_FREE_BLOCKS_MAX = 128
"""64 MiB kept while idle; under load the buffers are in use, and as many as the windows need."""


class BlockPool:
    """Buffers of one block each, used again to save the page faults of fresh memory.

    Any thread may take and give back: a deque's ends are atomic.
    """

    def __init__(self, free_blocks_max: int = _FREE_BLOCKS_MAX) -> None:
        self._free: deque[mmap.mmap] = deque(maxlen=free_blocks_max)

    def take(self) -> mmap.mmap:
        """Return a buffer of one block with unspecified content."""
        try:
            return self._free.pop()
        except IndexError:
            return mmap.mmap(-1, BLOCK_SIZE_BYTES)

    def give(self, buffer: mmap.mmap) -> None:
        """Take a buffer back; beyond the bound the longest unused one is dropped."""
        self._free.append(buffer)

    def clear(self) -> None:
        """Drop all free buffers."""
        self._free.clear()


class BufferedWindow:
    """Blocks in buffers of a pool.

    A released block's buffer is filled with another block's bytes at once: a view into it that is
    still alive shows those. What ``close`` finds unreleased is left to the views.
    """

    def __init__(self, start: int, buffers: list[mmap.mmap], pool: BlockPool) -> None:
        self.start = start
        self.block_count = len(buffers)
        self._buffers: dict[int, mmap.mmap] = dict(enumerate(buffers, start))
        self._pool = pool

    def block(self, index: int) -> memoryview:
        buffer = self._buffers.get(index)
        if buffer is None:
            raise IndexError(f"block {index} is not held by this window")
        return memoryview(buffer).toreadonly()

    def release(self, index: int) -> None:
        buffer = self._buffers.pop(index, None)
        if buffer is not None:
            self._pool.give(buffer)

    def close(self) -> None:
        self._buffers.clear()


@dataclass(frozen=True)
class BufferedReader:
    """Reads windows of one descriptor by preadv."""

    fd: int
    path: Path
    size_bytes: int
    pool: BlockPool = field(default_factory=BlockPool)

    def read_window(self, start: int, block_count: int) -> BufferedWindow:
        """Return the blocks, read completely; the tail of the last one is zeros.

        Raises:
            SourceError: names the first bytes that could not be read.
        """
        offset_bytes = start * BLOCK_SIZE_BYTES
        length_bytes = min(block_count * BLOCK_SIZE_BYTES, self.size_bytes - offset_bytes)
        buffers = [self.pool.take() for _ in range(block_count)]
        views = [memoryview(buffer) for buffer in buffers]
        padding_bytes = block_count * BLOCK_SIZE_BYTES - length_bytes
        if padding_bytes:
            data_bytes = BLOCK_SIZE_BYTES - padding_bytes
            views[-1][data_bytes:] = bytes(padding_bytes)
            views[-1] = views[-1][:data_bytes]
        read_exactly(self.fd, self.path, offset_bytes, views)
        return BufferedWindow(start, buffers, self.pool)
