"""A raw disk in a remote object: windows are ranges, which several threads ask for at once."""

from collections.abc import Iterator
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent, block_count
from bulkput.model.errors import SourceError
from bulkput.source.blocks import check_blocks
from bulkput.source.buffered import BlockPool, BufferedWindow
from bulkput.source.remote.object import RemoteIdentity, RemoteObject
from bulkput.source.source import SourceKind
from bulkput.source.stream.feed import PIECE_SIZE_BYTES

_FEED_RANGE_BYTES = 32 * PIECE_SIZE_BYTES
"""8 MiB: with 50 ms to the first byte and 100 MB/s behind it, two thirds of the time bytes come."""


class RemoteSource:
    """The bytes of an object as they are; made by ``open_source``."""

    format = "raw"
    is_sequential = False

    def __init__(self, remote: RemoteObject) -> None:
        self.size_bytes = remote.size_bytes
        self.block_count = block_count(remote.size_bytes)
        self._remote = remote
        self._pool = BlockPool()

    @property
    def path(self) -> Path | str:
        return self._remote.path

    @property
    def kind(self) -> SourceKind:
        return self._remote.kind

    @property
    def identity(self) -> RemoteIdentity:
        return self._remote.identity

    @property
    def reports_changes(self) -> bool:
        return self._remote.reports_changes

    @property
    def sector_bytes(self) -> None:
        """Not known."""

    @property
    def known_size_bytes(self) -> int:
        """Length of the disk."""
        return self.size_bytes

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first and last bytes, for a look at the content."""
        return self._remote.head, self._remote.foot()

    def extents(self, start: int = 0) -> Iterator[Extent]:
        return iter([Extent(start, self.block_count)] if start < self.block_count else [])

    def read_window(self, start: int, block_count: int) -> BufferedWindow:
        check_blocks(start, block_count, self.block_count)
        buffers = [self._pool.take() for _ in range(block_count)]
        padding_bytes = max(0, (start + block_count) * BLOCK_SIZE_BYTES - self.size_bytes)
        views = [memoryview(buffer) for buffer in buffers]
        if padding_bytes:
            data_bytes = BLOCK_SIZE_BYTES - padding_bytes
            views[-1][data_bytes:] = bytes(padding_bytes)
            views[-1] = views[-1][:data_bytes]
        try:
            self._remote.read_blocks(start * BLOCK_SIZE_BYTES, views)
        except SourceError as error:
            raise SourceError(self.path, error.what, block_index=start) from error
        return BufferedWindow(start, buffers, self._pool)

    def check_complete(self) -> None:
        pass

    def check_unchanged(self) -> None:
        self._remote.check_unchanged()

    def close(self) -> None:
        self._remote.close()


class RemoteFeed:
    """An object from front to back, for what is compressed in it."""

    def __init__(self, remote: RemoteObject) -> None:
        self.path = remote.path
        self._remote = remote
        self._offset_bytes = 0
        self._ahead = memoryview(b"")

    def read(self) -> bytes:
        if not self._ahead:
            length_bytes = min(_FEED_RANGE_BYTES, self._remote.size_bytes - self._offset_bytes)
            self._ahead = memoryview(bytearray(length_bytes))
            if length_bytes:
                self._remote.read_into(self._offset_bytes, self._ahead)
                self._offset_bytes += length_bytes
        piece = bytes(self._ahead[:PIECE_SIZE_BYTES])
        self._ahead = self._ahead[len(piece) :]
        return piece
