"""What a source is to the rest of the program: sizes, data extents, and windows of blocks.

Owns the two protocols. Knows nothing of files, digests or requests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from bulkput.model.block import Extent

SourceKind = Literal["file", "device", "stream", "object", "snapshot"]


class Window(Protocol):
    """A run of blocks held in memory, its bytes already read or faulted in.

    ``block`` belongs to one thread at a time; ``release`` and ``close`` may be called from another.
    """

    @property
    def start(self) -> int:
        """Index of the first block."""
        ...

    @property
    def block_count(self) -> int:
        """Number of blocks in the window."""
        ...

    def block(self, index: int) -> memoryview:
        """Return the 524288 bytes of block ``index``, read-only.

        The last block of the source is padded with zeros.

        Raises:
            IndexError: the block is not in this window, or the window holds it no longer.
        """
        ...

    def release(self, index: int) -> None:
        """Give the memory of block ``index`` back; its views must not be read from then on.

        Safe to repeat, and after ``close``.
        """
        ...

    def close(self) -> None:
        """Give back what is left; views that are still alive stay valid until they go."""
        ...


class Identity(Protocol):
    """What distinguished a source from any other at one moment."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain facts; equal ones are of an unchanged source, as far as it shows."""
        ...


class Source(Protocol):
    """A disk, read in blocks. All methods may block and may be called from any thread."""

    @property
    def path(self) -> Path | str:
        """The real path, symbolic links resolved; a name of what has none."""
        ...

    @property
    def kind(self) -> SourceKind:
        """A ``stream`` can be read once only; the other kinds are what their names are."""
        ...

    @property
    def is_sequential(self) -> bool:
        """Whether windows are to be read in ascending order, none of them twice."""
        ...

    @property
    def format(self) -> str:
        """``raw``, or the name of the format that is decoded."""
        ...

    @property
    def reports_changes(self) -> bool:
        """Whether an equal identity means equal content: a block device's never does.

        A file's does where its file system reports every change.
        """
        ...

    @property
    def size_bytes(self) -> int:
        """Length of the disk when it was opened; at least 1."""
        ...

    @property
    def block_count(self) -> int:
        """Blocks that hold ``size_bytes``, the last one perhaps partly."""
        ...

    @property
    def identity(self) -> Identity:
        """What distinguished this source from any other when it was opened."""
        ...

    def extents(self, start: int = 0) -> Iterator[Extent]:
        """Yield the data extents from block ``start`` on: ascending and disjoint.

        Raises:
            SourceError: the source became shorter or cannot be examined.
        """
        ...

    def read_window(self, start: int, block_count: int) -> Window:
        """Return blocks ``start`` to ``start + block_count``, read completely.

        Raises:
            SourceError: names the first block and bytes that could not be read.
        """
        ...

    def check_complete(self) -> str | None:
        """Make sure that nothing is left to read, or damaged, of what is read in order.

        Returns:
            What the user should know of an end that proves nothing; None of all others.

        Raises:
            SourceError: the windows that were read are not all of the disk.
        """
        ...

    def check_unchanged(self) -> None:
        """Compare the source with what it was when opened.

        Raises:
            SourceError: it was truncated, grew, or was replaced or modified.
        """
        ...

    def close(self) -> None:
        """Close the source, after all reads have ended; windows stay valid. Idempotent."""
        ...
