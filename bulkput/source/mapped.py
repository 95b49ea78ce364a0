"""Windows as read-only memory maps of the source: no copy between page cache and socket.

Owns the map's life. The pages are faulted in before a window is handed out, so a bad sector or a
truncated file is an error at that moment. Between that moment and the use of the bytes a gap
remains: a file truncated within it ends the process by SIGBUS, where no error can be given; who
must be safe even from that takes the ``preadv`` reader.
"""

import mmap
from typing import NamedTuple

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.buffered import BufferedReader, BufferedWindow
from bulkput.source.populate import populate_read
from bulkput.source.source import Window


class MappedWindow:
    """Whole blocks of the source as one map, and perhaps its partial last block as a copy."""

    def __init__(self, start: int, mapping: mmap.mmap, tail: BufferedWindow | None) -> None:
        self.start = start
        self._mapped_blocks = len(mapping) // BLOCK_SIZE_BYTES
        self.block_count = self._mapped_blocks + (0 if tail is None else 1)
        self._mapping: mmap.mmap | None = mapping
        self._view: memoryview | None = memoryview(mapping)
        self._tail = tail

    def block(self, index: int) -> memoryview:
        position = index - self.start
        view = self._view
        if view is not None and 0 <= position < self._mapped_blocks:
            return view[position * BLOCK_SIZE_BYTES : (position + 1) * BLOCK_SIZE_BYTES]
        if self._tail is not None and position == self._mapped_blocks:
            return self._tail.block(index)
        raise IndexError(f"block {index} is not held by this window")

    def release(self, index: int) -> None:
        position = index - self.start
        mapping = self._mapping
        if mapping is not None and 0 <= position < self._mapped_blocks:
            # With the GIL held, unlike populate: it takes microseconds, and the event loop that
            # calls it would wait longer to get the GIL back.
            mapping.madvise(mmap.MADV_DONTNEED, position * BLOCK_SIZE_BYTES, BLOCK_SIZE_BYTES)
        elif self._tail is not None:
            self._tail.release(index)

    def close(self) -> None:
        # Not mapping.close(): it refuses while views are alive. The last view unmaps.
        self._mapping = None
        self._view = None
        if self._tail is not None:
            self._tail.close()


class MappedReader(NamedTuple):
    """Maps windows of one descriptor; what cannot be mapped goes the buffered way."""

    buffered: BufferedReader

    def read_window(self, start: int, block_count: int) -> Window:
        """Return the blocks, faulted in.

        Raises:
            SourceError: names the first bytes that could not be read.
        """
        offset_bytes = start * BLOCK_SIZE_BYTES
        whole_blocks = min(block_count, self.buffered.size_bytes // BLOCK_SIZE_BYTES - start)
        if whole_blocks <= 0:
            return self.buffered.read_window(start, block_count)
        try:
            mapping = mmap.mmap(
                self.buffered.fd,
                whole_blocks * BLOCK_SIZE_BYTES,
                access=mmap.ACCESS_READ,
                offset=offset_bytes,
            )
            populate_read(mapping)
        except (OSError, ValueError):
            # Truncated (ValueError, EFAULT), a bad sector (EFAULT), or no maps in this file system
            # (ENODEV): reading distinguish them, and names the place.
            return self.buffered.read_window(start, block_count)
        tail = None
        if whole_blocks < block_count:
            tail = self.buffered.read_window(start + whole_blocks, 1)
        return MappedWindow(start, mapping, tail)
