"""Reading to the full length, or failing with the place: never fewer bytes, never zeros instead.

Owns short reads, repeated attempts and the search for the bad sector.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError

_IOV_MAX = 1024
"""Buffers a preadv call takes (Linux UIO_MAXIOV)."""

_READ_ATTEMPTS = 4
"""One and three more: a path failover or a drive's recovery shows EIO once or twice, a bad sector
for ever."""

_SECTOR_SIZE_BYTES = 4096
"""The page cache's unit and the physical sector of current disks: no error is narrower."""


def read_exactly(fd: int, path: Path, offset_bytes: int, buffers: Sequence[memoryview]) -> None:
    """Fill ``buffers``, one after the other, with what the file has from ``offset_bytes`` on.

    Raises:
        SourceError: names the first bytes that could not be read, or where the file ended.
    """
    for first in range(0, len(buffers), _IOV_MAX):
        batch = buffers[first : first + _IOV_MAX]
        try:
            filled_bytes = os.preadv(fd, batch, offset_bytes)
        except OSError:
            filled_bytes = 0  # the careful way below meets it again and finds where
        for buffer in batch:
            if filled_bytes < len(buffer):
                _fill(fd, path, offset_bytes, buffer, max(0, filled_bytes))
            filled_bytes -= len(buffer)
            offset_bytes += len(buffer)


def _fill(fd: int, path: Path, offset_bytes: int, buffer: memoryview, filled_bytes: int) -> None:
    """Read what is missing of one buffer, patiently."""
    attempt = 1
    step_bytes = max(len(buffer), _SECTOR_SIZE_BYTES)
    while filled_bytes < len(buffer):
        at_bytes = offset_bytes + filled_bytes
        # Steps end at sector boundaries, so that a failed one names exactly one sector.
        stop_bytes = filled_bytes + step_bytes - at_bytes % _SECTOR_SIZE_BYTES
        try:
            read_bytes = os.preadv(fd, [buffer[filled_bytes:stop_bytes]], at_bytes)
        except OSError as error:
            if error.errno == errno.EIO and attempt < _READ_ATTEMPTS:
                attempt += 1
                step_bytes = _SECTOR_SIZE_BYTES
                _forget(fd, at_bytes, len(buffer) - filled_bytes)
                continue
            length_bytes = min(stop_bytes, len(buffer)) - filled_bytes
            raise _unreadable(path, at_bytes, length_bytes, error) from error
        if read_bytes == 0:
            raise SourceError(
                path,
                "ends here, although it was longer when it was opened: it was truncated",
                offset_bytes=at_bytes,
                block_index=at_bytes // BLOCK_SIZE_BYTES,
            )
        attempt = 1
        filled_bytes += read_bytes
    if step_bytes == _SECTOR_SIZE_BYTES:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)


def _forget(fd: int, at_bytes: int, length_bytes: int) -> None:
    """Have the kernel ask the disk again, and for a sector alone.

    The page cache keeps large folios that failed as a whole, and readahead would make new ones: a
    bad sector would take good ones with it, and the wrong one would be named.
    """
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    os.posix_fadvise(fd, at_bytes, length_bytes, os.POSIX_FADV_DONTNEED)


def _unreadable(path: Path, at_bytes: int, length_bytes: int, error: OSError) -> SourceError:
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return SourceError(
        path,
        f"cannot be read: {error.strerror} ({name}); repair or copy the disk "
        "(ddrescue), then run the same command again",
        offset_bytes=at_bytes,
        length_bytes=length_bytes,
        block_index=at_bytes // BLOCK_SIZE_BYTES,
    )
