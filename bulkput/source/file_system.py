"""Which file systems report every change of a file's content by its times, and from when on.

Owns the table, the one call of libc that Python lacks, and the wait until the times can be relied
on. A file's identity vouches for its content only where no write can leave the times as they are:
with ``write``, with ``fallocate``, or through a memory map that another program keeps open.
"""

import ctypes
import functools
import os
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bulkput.machine.leases import is_open_elsewhere
from bulkput.model.clock import pause_thread

_STATFS_MAX_BYTES = 512
"""``struct statfs`` has 120 bytes on x86-64 and aarch64."""

_TICK_S = 0.02
"""Times advance with the kernel's clock tick, 10 ms at HZ=100; two writes within one share theirs.
Since Linux 6.13 not even those do, once somebody has looked in between."""

_COARSE_TICK_S = 1.0
"""Of inodes with room for whole seconds only: ext2, ext3, and ext4 with inodes of 128 bytes."""

_LOOKS_MAX = 5
"""A file that still changes then is being written, and changes its times again anyway."""


class FileSystem(NamedTuple):
    """What is known of one."""

    name: str
    reports_changes: bool
    reason: str
    """Why it may be relied on, or not."""


_FAULTS = "the first store into a clean page of a map sets the times, and write-back cleans pages"
_CACHED = "another machine or process writes, and what it reports is kept for seconds"

FILE_SYSTEMS: Mapping[int, FileSystem] = MappingProxyType(
    {
        # Each looked at with stores through a map, Linux 6.18; no other one is relied on.
        0xEF53: FileSystem("ext2, ext3, ext4", reports_changes=True, reason=_FAULTS),
        0x58465342: FileSystem("XFS", reports_changes=True, reason=_FAULTS),
        0x9123683E: FileSystem("Btrfs", reports_changes=True, reason=_FAULTS),
        # Never relied on; here so that people can be shown the reason.
        0x01021994: FileSystem(
            "tmpfs", reports_changes=False, reason="pages of a map are never clean again"
        ),
        0x858458F6: FileSystem(
            "ramfs", reports_changes=False, reason="pages of a map are never clean again"
        ),
        0x794C7630: FileSystem(
            "overlayfs", reports_changes=False, reason="it is as its upper layer, perhaps tmpfs"
        ),
        0x65735546: FileSystem("FUSE", reports_changes=False, reason=_CACHED),
        0x6969: FileSystem("NFS", reports_changes=False, reason=_CACHED),
        0xFF534D42: FileSystem("SMB", reports_changes=False, reason=_CACHED),
        0xFE534D42: FileSystem("SMB", reports_changes=False, reason=_CACHED),
        0x01021997: FileSystem("9p", reports_changes=False, reason=_CACHED),
        0x00C36400: FileSystem("Ceph", reports_changes=False, reason=_CACHED),
        0x4D44: FileSystem(
            "FAT", reports_changes=False, reason="its times have 2 s, and anybody can set them back"
        ),
        0x2011BAB0: FileSystem(
            "exFAT", reports_changes=False, reason="anybody can set its times back"
        ),
    }
)
"""By the magic number of statfs(2), linux/magic.h; what is not in it does not report changes."""


def file_system_of(fd: int) -> FileSystem:
    """Return the file system that an open file lies on."""
    return FILE_SYSTEMS.get(_magic(fd)) or FileSystem(
        "this file system", reports_changes=False, reason="nobody has looked whether it does"
    )


def settle_times(fd: int, *, now_s: Callable[[], float] = time.time) -> bool:
    """Make sure that every later change of a regular file changes its times. Blocks.

    Waits at most ``_LOOKS_MAX`` ticks. Where another program has the file open for writing, pages
    that it may write to without the times noticing are written back first.

    Returns:
        Whether the times, read from now on, vouch for the content.
    """
    file_system = file_system_of(fd)
    if not file_system.reports_changes:
        return False
    if is_open_elsewhere(fd, "writing", file_system.name) is not False:
        try:
            # Write-back makes every page of every map read-only: the next store is noticed.
            os.fdatasync(fd)
        except OSError:
            return False
    for _ in range(_LOOKS_MAX):
        status = os.fstat(fd)
        tick_s = _TICK_S if status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK_S
        # A time of the future is a clock that was set back: no later write gets the same again.
        age_s = now_s() - status.st_ctime
        if not 0 <= age_s < tick_s:
            return True
        pause_thread(tick_s - age_s)
    return False


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _magic(fd: int) -> int:
    """Return the file system's type as fstatfs(2) reports it; 0 where it reports none."""
    buffer = ctypes.create_string_buffer(_STATFS_MAX_BYTES)
    if _libc().fstatfs(fd, buffer) != 0:
        return 0
    return int(ctypes.c_long.from_buffer(buffer).value) & 0xFFFFFFFF
