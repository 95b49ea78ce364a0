"""Faulting a mapping in, so that a page that cannot be had is an error and not a SIGBUS.

Owns the one call of libc that Python's mmap cannot make without holding the GIL.
"""

import ctypes
import errno
import functools
import mmap
import os

import numpy as np

_MADV_POPULATE_READ = 22
"""Linux 5.14, include/uapi/asm-generic/mman-common.h; Python has no name for it."""


@functools.cache
def _libc() -> ctypes.CDLL:
    # ctypes lets go of the GIL during the call; mmap.madvise holds it, and a populate that waits
    # for a disk would stop the event loop for as long.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    libc.madvise.restype = ctypes.c_int
    return libc


def populate_read(mapping: mmap.mmap) -> None:
    """Fault all pages of ``mapping`` in, readable.

    Raises:
        OSError: EFAULT where a page lies beyond the end of the file or could not be read, EINVAL
            where the kernel is older than 5.14.
    """
    address = np.frombuffer(mapping, dtype=np.uint8).__array_interface__["data"][0]
    while _libc().madvise(address, len(mapping), _MADV_POPULATE_READ) != 0:
        number = ctypes.get_errno()
        if number not in (errno.EINTR, errno.EAGAIN):
            raise OSError(number, os.strerror(number))


@functools.cache
def can_populate() -> bool:
    """Return whether this kernel has MADV_POPULATE_READ."""
    try:
        with mmap.mmap(-1, mmap.PAGESIZE) as page:
            populate_read(page)
    except (OSError, AttributeError):  # AttributeError: a libc without madvise
        return False
    return True
