"""A raw disk behind one descriptor: a file or a device whose bytes are the volume's bytes.

Owns the descriptor and puts the room's parts together. Decides nothing about what is sent.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bulkput.model.block import Extent, block_count
from bulkput.model.errors import SourceError
from bulkput.source.device import device_size_bytes
from bulkput.source.extents import data_extents
from bulkput.source.identity import (
    SourceIdentity,
    check_path,
    check_same,
    device_identity,
    file_identity,
)
from bulkput.source.source import SourceKind, Window


class WindowReader(Protocol):
    """Reads runs of blocks in one of the room's ways."""

    def read_window(self, start: int, block_count: int) -> Window:
        """Return the blocks, read completely."""
        ...


class RawSource:
    """An open file or block device; made by ``open_source``."""

    def __init__(self, fd: int, path: Path, identity: SourceIdentity, reader: WindowReader) -> None:
        self.path = path
        self.identity = identity
        self.size_bytes = identity.size_bytes
        self.block_count = block_count(identity.size_bytes)
        self._fd: int | None = fd
        self._reader = reader

    @property
    def kind(self) -> SourceKind:
        return self.identity.kind

    def extents(self, start: int = 0) -> Iterator[Extent]:
        if self.kind == "device":  # the kernel knows no holes in devices
            return iter([Extent(start, self.block_count)] if start < self.block_count else [])
        return data_extents(self._open_fd(), self.size_bytes, self.path, start)

    def read_window(self, start: int, block_count: int) -> Window:
        if start < 0 or block_count < 1 or start + block_count > self.block_count:
            stop = start + block_count
            raise IndexError(f"blocks {start} to {stop} are not all in 0 to {self.block_count}")
        self._open_fd()
        return self._reader.read_window(start, block_count)

    def check_unchanged(self) -> None:
        fd = self._open_fd()
        # The path first: a replaced or removed file has changed its ctime too.
        check_path(self.path, self.identity)
        check_same(self.path, self.identity, identity_of(fd, self.path, self.kind))

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _open_fd(self) -> int:
        if self._fd is None:
            raise SourceError(self.path, "was closed before all of it was read")
        return self._fd


def identity_of(fd: int, path: Path, kind: SourceKind) -> SourceIdentity:
    """Return the identity of what ``fd`` is open on.

    Raises:
        SourceError: its state cannot be had.
    """
    try:
        status = os.fstat(fd)
        if kind == "device":
            return device_identity(status, device_size_bytes(fd))
        return file_identity(status)
    except OSError as error:
        raise SourceError(path, f"cannot be examined: {error.strerror}") from error


def read_ends(fd: int, size_bytes: int, length_bytes: int) -> tuple[bytes, bytes]:
    """Return the first and the last ``length_bytes`` of a source, fewer where it has fewer.

    Raises:
        OSError: they cannot be read.
    """
    head = os.pread(fd, length_bytes, 0)
    return head, os.pread(fd, length_bytes, max(0, size_bytes - length_bytes))
