"""Where a stream's bytes come from, one piece after the other: a file, or standard input."""

import os
from pathlib import Path
from typing import Any, Protocol

from bulkput.model.errors import SourceError
from bulkput.source.read_exactly import read_exactly
from bulkput.source.source import SourceKind
from bulkput.source.source_file import OpenedFile

STANDARD_INPUT = "standard input"
"""What it is called in messages and ledgers."""

PIECE_SIZE_BYTES = 256 << 10
"""Four pipes' worth, and half a block."""


class Feed(Protocol):
    """Bytes in order; one thread at a time."""

    @property
    def path(self) -> Path | str:
        """Its name, for messages."""
        ...

    def read(self) -> bytes:
        """Return the next piece, at most ``PIECE_SIZE_BYTES``; nothing at the end.

        Raises:
            SourceError: it cannot be read.
        """
        ...


class FileFeed:
    """A file from front to back, which ends where it ended when it was opened."""

    def __init__(self, file: OpenedFile) -> None:
        self.path = file.path
        self._file = file
        self._offset_bytes = 0

    def read(self) -> bytes:
        rest_bytes = self._file.size_bytes - self._offset_bytes
        buffer = bytearray(min(PIECE_SIZE_BYTES, rest_bytes))
        if buffer:
            read_exactly(self._file.fd, self.path, self._offset_bytes, [memoryview(buffer)])
            self._offset_bytes += len(buffer)
        return bytes(buffer)


class StandardInputIdentity:
    """The same of all pipes."""

    def as_dict(self) -> dict[str, Any]:
        """Return the one fact."""
        return {"kind": "stream"}


class StandardInput:
    """What is piped into this process; knows nothing of itself, and is not closed here."""

    path = STANDARD_INPUT
    kind: SourceKind = "stream"
    reports_changes = False

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.identity = StandardInputIdentity()

    def check_unchanged(self) -> None:
        pass

    def close(self) -> None:
        pass

    def read(self) -> bytes:
        try:
            return os.read(self._fd, PIECE_SIZE_BYTES)
        except OSError as error:
            raise SourceError(self.path, f"cannot be read: {error.strerror}") from error


class PeekedFeed:
    """A feed whose beginning has been looked at, and is given again."""

    def __init__(self, feed: Feed, length_bytes: int) -> None:
        self.path = feed.path
        self._feed = feed
        self._ahead = bytearray()
        while len(self._ahead) < length_bytes and (piece := feed.read()):
            self._ahead += piece
        self.head = bytes(self._ahead[:length_bytes])

    def read(self) -> bytes:
        if self._ahead:
            piece, self._ahead = bytes(self._ahead), bytearray()
            return piece
        return self._feed.read()
