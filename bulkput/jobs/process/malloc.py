"""Makes glibc's malloc keep its memory.

TLS copies each block's ciphertext through buffers of about 512 KiB. By default glibc takes such
buffers from the kernel and gives them back each time, and faulting the pages in again was 23% of
all CPU time of a TLS upload (perf, Python 3.11, OpenSSL 3.0).
"""

import ctypes
import os

_MALLOPT = {
    -1: 64 << 20,  # M_TRIM_THRESHOLD: the heap's top is kept up to this size
    -2: 4 << 20,  # M_TOP_PAD: and grows by as much at a time
    -3: 4 << 20,  # M_MMAP_THRESHOLD: blocks and their ciphertext come from the heap
    -8: 2,  # M_ARENA_MAX: hashing threads allocate next to nothing
}
"""Parameter numbers of glibc's <malloc.h> and their values in bytes (M_ARENA_MAX: arenas)."""


def keep_freed_memory() -> bool:
    """Set the parameters for this process; False where the C library has no ``mallopt``."""
    if os.environ.get("MALLOC_TRIM_THRESHOLD_"):
        return True  # whoever started us has set them on purpose
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    accepted = [mallopt(parameter, value) for parameter, value in _MALLOPT.items()]
    return all(accepted)
