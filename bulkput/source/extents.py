"""Where the data of a sparse file is: SEEK_DATA and SEEK_HOLE, in whole blocks.

Owns the walk over one file descriptor. Reads no data, changes nothing but the descriptor's
offset, which no reader here uses.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent, block_count
from bulkput.model.errors import SourceError

_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems without holes, and block devices, answer to SEEK_DATA."""


def data_extents(
    descriptor: Callable[[], int], size_bytes: int, path: Path, start: int = 0
) -> Iterator[Extent]:
    """Yield the extents with data of the first ``size_bytes``, from block ``start`` on.

    Rounded outward to blocks and merged where they touch; one extent of everything where the file
    system has none. Lazy, and at most two lseek a block however finely the file is broken up,
    because the walk goes on at block boundaries.

    Args:
        descriptor: Of the file; asked for at each step, because what is closed while a disk hangs
            may be the number of another file when the disk answers.
        size_bytes: How much of it.
        path: For errors.
        start: The first block.

    Raises:
        SourceError: the file became shorter meanwhile, or cannot be examined.
    """
    total = block_count(size_bytes)
    if start >= total:
        return
    begin = stop = start
    while stop < total:
        try:
            data_bytes = os.lseek(descriptor(), stop * BLOCK_SIZE_BYTES, os.SEEK_DATA)
            hole_bytes = os.lseek(descriptor(), data_bytes, os.SEEK_HOLE)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                stop = total
            else:
                _check_end(descriptor(), size_bytes, path, error)
            break
        if data_bytes >= size_bytes:
            break  # the file grew; what was opened ends in a hole
        data = data_bytes // BLOCK_SIZE_BYTES
        if data > stop:
            if stop > begin:
                yield Extent(begin, stop)
            begin = data
        # A hole that opens at once (the file changed between the calls) still moves one block on.
        stop = min(max(block_count(hole_bytes), data + 1), total)
    if stop > begin:
        yield Extent(begin, stop)


def _check_end(fd: int, size_bytes: int, path: Path, error: OSError) -> None:
    """Distinguish a final hole (ENXIO, size unchanged) from a file that lost its end.

    Raises:
        SourceError: it did, or the error is another one.
    """
    if error.errno != errno.ENXIO:
        raise SourceError(path, f"cannot be searched for holes: {error.strerror}") from error
    now_bytes = os.fstat(fd).st_size
    if now_bytes < size_bytes:
        what = f"was truncated from {size_bytes} to {now_bytes} bytes while it was read"
        raise SourceError(path, what) from error
