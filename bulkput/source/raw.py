"""A raw disk behind one descriptor: a file or a device whose bytes are the volume's bytes.

Puts the room's parts together. Decides nothing about what is sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bulkput.model.block import Extent, block_count
from bulkput.source.blocks import check_blocks
from bulkput.source.extents import data_extents
from bulkput.source.format import HEAD_SIZE_BYTES
from bulkput.source.identity import SourceIdentity
from bulkput.source.source import SourceKind, Window
from bulkput.source.source_file import OpenedFile


class WindowReader(Protocol):
    """Reads runs of blocks in one of the room's ways."""

    def read_window(self, start: int, block_count: int) -> Window:
        """Return the blocks, read completely."""
        ...


class RawSource:
    """An open file or block device; made by ``open_source``."""

    format = "raw"
    is_sequential = False

    def __init__(self, file: OpenedFile, reader: WindowReader) -> None:
        self.size_bytes = file.size_bytes
        self.block_count = block_count(file.size_bytes)
        self.file = file
        self.reader = reader

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def identity(self) -> SourceIdentity:
        return self.file.identity

    @property
    def kind(self) -> SourceKind:
        return self.file.kind

    @property
    def reports_changes(self) -> bool:
        return self.file.reports_changes

    @property
    def sector_bytes(self) -> int | None:
        """Of a device, its logical sector."""
        return self.file.sector_bytes

    @property
    def known_size_bytes(self) -> int:
        """Length of the disk."""
        return self.size_bytes

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first and last bytes, for a look at the content."""
        return self.file.ends(HEAD_SIZE_BYTES)

    def extents(self, start: int = 0) -> Iterator[Extent]:
        _ = self.file.fd  # refuses what is closed
        if self.kind == "device":  # the kernel knows no holes in devices
            return iter([Extent(start, self.block_count)] if start < self.block_count else [])
        return data_extents(lambda: self.file.fd, self.size_bytes, self.path, start)

    def read_window(self, start: int, block_count: int) -> Window:
        check_blocks(start, block_count, self.block_count)
        _ = self.file.fd  # refuses what is closed
        return self.reader.read_window(start, block_count)

    def check_complete(self) -> None:
        pass

    def check_unchanged(self) -> None:
        self.file.check_unchanged()

    def close(self) -> None:
        self.file.close()
