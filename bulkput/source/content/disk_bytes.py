"""Bytes of a disk at any place, for a look at its content: few of them, however they are asked for.

Owns the bound on what is read. Knows nothing of what the bytes mean.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Protocol, runtime_checkable

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.source.source import Source

_READ_BLOCKS_MAX = 256
"""128 MiB: an EFI system partition has 100 to 600 MiB, of which its tables, its directories and
the first bytes of its loaders are read. A remote disk answers one range a block."""
_KEPT_BLOCKS = 16
"""8 MiB: the file allocation tables and the directory that is being walked."""


class DiskBytesError(Exception):
    """The bytes are beyond the end of the disk, or more than a look may cost."""


@runtime_checkable
class _Sparse(Protocol):
    """A source that does not have every block."""

    def block_or_zeros(self, index: int) -> bytes:
        """Return a block; zeros where it has none."""
        ...


class DiskBytes:
    """Reads byte ranges through whole blocks. Blocks as long as the source does."""

    def __init__(self, read_block: Callable[[int], bytes], size_bytes: int) -> None:
        """Keep what is needed; nothing is read yet.

        Args:
            read_block: Returns the 524288 bytes of a block index; of the last one at least those
                of the disk.
            size_bytes: Length of the disk.
        """
        self.size_bytes = size_bytes
        self._read_block = read_block
        self._kept: dict[int, bytes] = {}
        self._read_blocks = 0

    def read(self, offset_bytes: int, length_bytes: int) -> bytes:
        """Return exactly ``length_bytes``.

        Raises:
            DiskBytesError: the disk ends before, or too much was read already.
            SourceError: they cannot be read.
        """
        stop_bytes = offset_bytes + length_bytes
        if offset_bytes < 0 or stop_bytes > self.size_bytes:
            raise DiskBytesError(f"byte {stop_bytes:,} is beyond the end of the disk")
        pieces = []
        while offset_bytes < stop_bytes:
            index, at = divmod(offset_bytes, BLOCK_SIZE_BYTES)
            piece = self._block(index)[at : at + stop_bytes - offset_bytes]
            if not piece:
                raise DiskBytesError(f"byte {offset_bytes:,} is not to be had")
            pieces.append(piece)
            offset_bytes += len(piece)
        return b"".join(pieces)

    def _block(self, index: int) -> bytes:
        block = self._kept.pop(index, None)
        if block is None:
            if self._read_blocks >= _READ_BLOCKS_MAX:
                mib = _READ_BLOCKS_MAX * BLOCK_SIZE_BYTES >> 20
                raise DiskBytesError(f"it takes more than {mib} MiB of reading")
            self._read_blocks += 1
            block = self._read_block(index)
        self._kept[index] = block  # the one used last is the last to go
        if len(self._kept) > _KEPT_BLOCKS:
            del self._kept[next(iter(self._kept))]
        return block


def disk_bytes_of(source: Source) -> DiskBytes:
    """Return the bytes of a source that can be read at any place.

    Raises:
        SourceError: it is read once, from front to back.
    """
    if source.is_sequential:
        what = "is read once, from front to back: what is in it is not known beforehand"
        raise SourceError(source.path, what)
    if isinstance(source, _Sparse):
        return DiskBytes(source.block_or_zeros, source.size_bytes)

    def read_block(index: int) -> bytes:
        with closing(source.read_window(index, 1)) as window:
            return bytes(window.block(index))

    return DiskBytes(read_block, source.size_bytes)
