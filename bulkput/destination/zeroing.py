"""Making a range of a file or device read as zeros, without writing them where the kernel can.

Owns the two calls and the fallback. Knows no blocks.
"""

import ctypes
import errno
import fcntl
import os
import struct

_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02
"""FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE of linux/falloc.h."""

_BLKZEROOUT = 0x127F
"""``_IO(0x12, 127)`` of linux/fs.h: the kernel unmaps where that surely reads as zeros, has the
disk write zeros where it can, and else writes them itself."""

_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EINVAL})
"""File systems without holes, and devices that take no such command or no such offset."""

_ZEROS = bytes(1 << 20)


def punch_hole(fd: int, offset_bytes: int, length_bytes: int) -> None:
    """Free a range of a regular file; zeros are written where its file system has no holes.

    Raises:
        OSError: as the system raises it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.fallocate(
        fd,
        _KEEP_SIZE_AND_PUNCH_HOLE,
        ctypes.c_int64(offset_bytes),
        ctypes.c_int64(length_bytes),
    )
    if done == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number))
    write_zeros(fd, offset_bytes, length_bytes)


def zero_device(fd: int, offset_bytes: int, length_bytes: int) -> None:
    """Make a range of a block device read as zeros.

    Raises:
        OSError: as the system raises it.
    """
    try:
        fcntl.ioctl(fd, _BLKZEROOUT, struct.pack("=QQ", offset_bytes, length_bytes))
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        write_zeros(fd, offset_bytes, length_bytes)


def write_zeros(fd: int, offset_bytes: int, length_bytes: int) -> None:
    """Write zeros over a range.

    Raises:
        OSError: as the system raises it.
    """
    zeros = memoryview(_ZEROS)
    stop_bytes = offset_bytes + length_bytes
    while offset_bytes < stop_bytes:
        offset_bytes += os.pwrite(fd, zeros[: stop_bytes - offset_bytes], offset_bytes)
