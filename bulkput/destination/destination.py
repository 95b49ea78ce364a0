"""A file or device that takes blocks, by descriptor.

Owns the descriptor, the cut at the end, and what the disk's errors mean. All methods block and may
be called from any thread.
"""

import errno
import os
from pathlib import Path
from typing import Literal

from bulkput.destination.zeroing import punch_hole, write_zeros, zero_device
from bulkput.model.block import BLOCK_SIZE_BYTES, block_count
from bulkput.model.errors import BulkputError, DestinationError, IntegrityError, TemporaryError
from bulkput.model.shortage import machine_error

TargetKind = Literal["file", "device"]

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
}


def target_error(path: Path, doing: str, error: OSError) -> BulkputError:
    """Return the error that explains ``error`` met at ``path`` while ``doing`` something."""
    full = _FULL.get(error.errno or 0)
    if full is not None:
        return TemporaryError(
            f"{path}: cannot {doing}: {full}. Make room and run the same command again: it resumes"
        )
    short = machine_error(error, f"{path}: cannot {doing}")
    return short or DestinationError(path, f"cannot {doing}: {error.strerror or error}")


class Target:
    """The first ``length_bytes`` of a file or device; made by ``bulkput.destination.open``."""

    def __init__(self, fd: int, path: Path, kind: TargetKind, length_bytes: int) -> None:
        self.path = path
        self.kind = kind
        self.length_bytes = length_bytes
        self.block_count = block_count(length_bytes)
        self._fd = fd

    @property
    def descriptor(self) -> int:
        """For another process that writes beside this one, under the same lock."""
        return self._fd

    @property
    def identity(self) -> dict[str, int]:
        """What distinguishes this file or device from any other that takes its place."""
        status = os.fstat(self._fd)
        if self.kind == "device":
            return {"device": status.st_rdev, "inode": 0}
        return {"device": status.st_dev, "inode": status.st_ino}

    def write(self, index: int, content: bytes) -> None:
        """Write one block; of the last one as much as fits.

        Raises:
            IntegrityError: bytes beyond the end are not zeros.
            DestinationError: it cannot be written.
            TemporaryError: the disk is full.
        """
        offset_bytes = index * BLOCK_SIZE_BYTES
        fitting = max(0, min(BLOCK_SIZE_BYTES, self.length_bytes - offset_bytes))
        view = memoryview(content)
        if fitting < BLOCK_SIZE_BYTES and any(view[fitting:]):
            raise IntegrityError(
                f"block {index} of the snapshot has data beyond the {self.length_bytes} bytes that "
                f"{self.path} is to have"
            )
        done = 0
        try:
            while done < fitting:
                done += os.pwrite(self._fd, view[done:fitting], offset_bytes + done)
        except OSError as error:
            raise target_error(self.path, f"write block {index}", error) from error

    def zero(self, start: int, stop: int) -> None:
        """Make blocks ``start`` to ``stop`` (excluded) zeros, as a hole where that is possible.

        Raises:
            DestinationError: it cannot be written.
            TemporaryError: the disk is full.
        """
        offset_bytes = start * BLOCK_SIZE_BYTES
        length_bytes = min(stop * BLOCK_SIZE_BYTES, self.length_bytes) - offset_bytes
        if length_bytes <= 0:
            return
        make_zeros = zero_device if self.kind == "device" else punch_hole
        try:
            make_zeros(self._fd, offset_bytes, length_bytes)
        except OSError as error:
            raise target_error(self.path, f"zero block {start}", error) from error

    def zero_rest_of_block(self, offset_bytes: int) -> None:
        """Make zeros of what follows ``offset_bytes`` in its block; nothing at a block's start.

        Raises:
            DestinationError: it cannot be written.
            TemporaryError: the disk is full.
        """
        stop_bytes = min(-(-offset_bytes // BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES, self.length_bytes)
        try:
            write_zeros(self._fd, offset_bytes, stop_bytes - offset_bytes)
        except OSError as error:
            raise target_error(self.path, f"zero from byte {offset_bytes}", error) from error

    def read(self, index: int) -> bytes:
        """Return what is there of one block, filled up with zeros.

        Raises:
            DestinationError: it cannot be read.
        """
        offset_bytes = index * BLOCK_SIZE_BYTES
        left = max(0, min(BLOCK_SIZE_BYTES, self.length_bytes - offset_bytes))
        pieces = []
        try:
            while left and (piece := os.pread(self._fd, left, offset_bytes)):
                pieces.append(piece)
                offset_bytes, left = offset_bytes + len(piece), left - len(piece)
        except OSError as error:
            raise target_error(self.path, f"read block {index}", error) from error
        return b"".join(pieces).ljust(BLOCK_SIZE_BYTES, b"\0")

    def set_length(self) -> None:
        """Give a file its length; what is added is a hole.

        Raises:
            DestinationError: it cannot have it.
            TemporaryError: the disk is full.
        """
        try:
            os.ftruncate(self._fd, self.length_bytes)
        except OSError as error:
            raise target_error(self.path, "set the length", error) from error

    def clear(self) -> None:
        """Make a file one hole.

        Raises:
            DestinationError: it cannot be written.
        """
        try:
            os.ftruncate(self._fd, 0)
        except OSError as error:
            raise target_error(self.path, "clear the file", error) from error
        self.set_length()

    def sync(self) -> None:
        """Wait until the disk has everything.

        Raises:
            DestinationError: the disk refused.
            TemporaryError: the disk is full.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise target_error(self.path, "flush", error) from error

    def close(self) -> None:
        """Give the descriptor back; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
