"""A stream as a source: windows in order, forward only, up to a size that somebody configured.

Owns the position. What lies behind the stream's end is zeros, and no extent once the end is known.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bulkput.model.block import BLOCK_SIZE_BYTES, GIB_BYTES, Extent, block_count
from bulkput.model.disk_format import Compression
from bulkput.model.errors import SourceError
from bulkput.source.blocks import check_blocks
from bulkput.source.buffered import BlockPool, BufferedWindow
from bulkput.source.content.partitions import read_partition_table
from bulkput.source.source import Identity, SourceKind
from bulkput.source.stream.decoder import PeekedStream

_EXTENT_BLOCKS = 64
"""32 MiB: an extent is announced before it is read, and not at all once the end is known."""


class Origin(Protocol):
    """What a stream comes from."""

    @property
    def path(self) -> Path | str:
        """As of a source."""
        ...

    @property
    def kind(self) -> SourceKind:
        """As of a source."""
        ...

    @property
    def reports_changes(self) -> bool:
        """As of a source."""
        ...

    @property
    def identity(self) -> Identity:
        """As of a source."""
        ...

    def check_unchanged(self) -> None:
        """Compare it with what it was when it was opened."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True)
class StreamIdentity:
    """What distinguishes a stream from any other."""

    origin: Identity
    format: str
    size_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return self.origin.as_dict() | {"format": self.format, "disk_bytes": self.size_bytes}


class StreamSource:
    """A disk that is read once, from front to back; made by ``open_source``."""

    is_sequential = True

    def __init__(
        self,
        stream: PeekedStream,
        origin: Origin,
        *,
        format_: Compression | None,
        size_gib: int,
        notes: list[str],
    ) -> None:
        """Prepare to read.

        Args:
            stream: The bytes of the disk.
            origin: What they come from.
            format_: How they are compressed there; None of raw bytes.
            size_gib: Of the volume.
            notes: What there is to report of the stream's end, once it was read.
        """
        self.format = format_ or "raw"
        self.reports_changes = origin.reports_changes
        self.size_bytes = size_gib * GIB_BYTES
        self.block_count = block_count(self.size_bytes)
        self.identity = StreamIdentity(origin.identity, self.format, self.size_bytes)
        self._stream = stream
        self._notes = notes
        self._origin = origin
        self._pool = BlockPool()
        self._turn = threading.Lock()
        self._read_bytes = 0
        """How far the stream has been read."""
        self._is_over = False
        self._next = 0
        """The first block that can still be read."""

    @property
    def path(self) -> Path | str:
        return self._origin.path

    @property
    def kind(self) -> SourceKind:
        return self._origin.kind

    @property
    def sector_bytes(self) -> None:
        """Not known."""

    @property
    def known_size_bytes(self) -> None:
        """Not known before the end: ``check_complete`` looks at it then."""

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first bytes of the disk, for a look at the content."""
        return self._stream.head, b""

    def extents(self, start: int = 0) -> Iterator[Extent]:
        """Yield all that may be data, as far as the end is not known: adjacent extents."""
        while start < self._end_block():
            stop = min(start + _EXTENT_BLOCKS, self._end_block())
            yield Extent(start, stop)
            start = stop

    def read_window(self, start: int, block_count: int) -> BufferedWindow:
        check_blocks(start, block_count, self.block_count)
        with self._turn:
            if start < self._next:
                raise SourceError(self.path, "cannot be read a second time", block_index=start)
            self._skip_to(start)
            self._next = start + block_count
            buffers = []
            for _ in range(block_count):
                buffer = self._pool.take()
                view = memoryview(buffer)
                filled_bytes = self._fill(view)
                view[filled_bytes:] = bytes(BLOCK_SIZE_BYTES - filled_bytes)
                buffers.append(buffer)
            return BufferedWindow(start, buffers, self._pool)

    def check_complete(self) -> str | None:
        """Read on to the end, if it has not been reached.

        Returns:
            What was behind the disk and is no part of it; and of raw bytes how many there were:
            their end looks the same wherever it is.

        Raises:
            SourceError: it is damaged, or longer than the volume.
        """
        with self._turn:
            self._skip_to(self.block_count)
            if self._stream.read_into(memoryview(bytearray(1))):
                raise SourceError(
                    self.path,
                    f"is longer than the volume of {self.size_bytes // GIB_BYTES} GiB; set a "
                    "larger one (snapshot.volume_size_gib)",
                )
            table = read_partition_table(self._stream.head, None)
        notes = list(self._notes)
        if table is not None:
            known = set(table.notes(None))
            notes += [note for note in table.notes(self._read_bytes) if note not in known]
        if self.format == "raw":
            notes.append(
                f"{self.path} ended after {self._read_bytes:,} bytes; only its writer knows "
                "whether that was the whole disk"
            )
        return "; ".join(notes) or None

    def check_unchanged(self) -> None:
        self._origin.check_unchanged()

    def close(self) -> None:
        self._pool.clear()
        self._origin.close()

    def _end_block(self) -> int:
        return block_count(self._read_bytes) if self._is_over else self.block_count

    def _skip_to(self, block: int) -> None:
        """Read and forget what lies before ``block``."""
        if self._is_over or self._next >= block:
            return
        scratch = self._pool.take()
        while not self._is_over and self._read_bytes < block * BLOCK_SIZE_BYTES:
            self._fill(memoryview(scratch))
        self._pool.give(scratch)

    def _fill(self, view: memoryview) -> int:
        """Read one block, or what there is of it."""
        if self._is_over:
            return 0
        try:
            filled_bytes = self._stream.read_into(view)
        except SourceError as error:
            raise SourceError(
                self.path, error.what, block_index=self._read_bytes // BLOCK_SIZE_BYTES
            ) from error
        self._read_bytes += filled_bytes
        self._is_over = filled_bytes < len(view)
        return filled_bytes
