"""Zeros where no source has bytes: in a hole, and beyond a source's end."""

from collections.abc import Iterator

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.source.source import Source, Window

_ZERO_BLOCK = memoryview(bytes(BLOCK_SIZE_BYTES))


class ZeroWindow:
    """A run of blocks that are holes: all zeros, nothing read and nothing held."""

    def __init__(self, start: int, block_count: int) -> None:
        self.start = start
        self.block_count = block_count

    def block(self, index: int) -> memoryview:  # noqa: ARG002 - every block is the same
        return _ZERO_BLOCK

    def release(self, index: int) -> None:
        pass

    def close(self) -> None:
        pass


class _LengthenedWindow:
    """The last blocks of a source, and zeros behind them."""

    def __init__(self, inner: Window, block_count: int) -> None:
        self._inner = inner
        self._end = inner.start + inner.block_count
        self.start = inner.start
        self.block_count = block_count

    def block(self, index: int) -> memoryview:
        return self._inner.block(index) if index < self._end else _ZERO_BLOCK

    def release(self, index: int) -> None:
        if index < self._end:
            self._inner.release(index)

    def close(self) -> None:
        self._inner.close()


class LengthenedSource:
    """A source with a hole behind its end, up to ``block_count``; closing it is the caller's.

    A disk that became smaller than its parent snapshot reads as zeros behind its end.
    """

    def __init__(self, source: Source, block_count: int) -> None:
        self.inner = source
        self.block_count = block_count
        self.path = source.path
        self.kind = source.kind
        self.size_bytes = source.size_bytes
        self.identity = source.identity
        self.format = source.format
        self.reports_changes = source.reports_changes
        self.is_sequential = source.is_sequential

    def extents(self, start: int = 0) -> Iterator[Extent]:
        return self.inner.extents(start)

    def read_window(self, start: int, block_count: int) -> Window:
        if start >= self.inner.block_count:
            return ZeroWindow(start, block_count)
        inside = min(block_count, self.inner.block_count - start)
        window = self.inner.read_window(start, inside)
        return window if inside == block_count else _LengthenedWindow(window, block_count)

    def check_complete(self) -> str | None:
        return self.inner.check_complete()

    def check_unchanged(self) -> None:
        self.inner.check_unchanged()

    def close(self) -> None:
        self.inner.close()
