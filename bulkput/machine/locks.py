"""Locks by which other programs show that a disk is theirs.

They are seen across users and containers, and on network file systems across machines.
"""

import fcntl
import os
import re
import struct
from pathlib import Path

from bulkput.machine.mounts import PROC, read_text

_FLOCK = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, process id."""

_QEMU_BYTES = range(100, 104)
"""RAW_LOCK_PERM_BASE of QEMU's block/file-posix.c: a read lock on byte 100 + n says that its holder
makes use of permission n of BLK_PERM (include/block/block-common.h)."""
_QEMU_WRITING = (101, 103)
"""BLK_PERM_WRITE and BLK_PERM_RESIZE."""


def lock_holder(fd: int, *, proc: Path = PROC) -> str | None:
    """Return who holds a lock to write to the file or device, in words; None if nobody.

    Args:
        fd: Open in any mode; takes no lock itself, but for a moment a shared one (flock).
        proc: Where the table of locks is.
    """
    conflict = _conflict(fd, fcntl.F_RDLCK, 0, 0)
    if conflict is not None:
        return _who(conflict[2], proc) + " has locked it for writing"
    for byte in _QEMU_WRITING:
        conflict = _conflict(fd, fcntl.F_WRLCK, byte, 1)
        if conflict is not None:
            start, length, process_id = conflict
            if start in _QEMU_BYTES and start + length - 1 in _QEMU_BYTES:
                who = "QEMU" if process_id <= 0 else f"QEMU, {_who(process_id, proc)},"
                return f"{who} has locked it as a disk that it writes to"
    if _is_flocked(fd):
        return _who(_flock_process(fd, proc), proc) + " has locked it (flock)"
    return None


def _conflict(fd: int, kind: int, start: int, length: int) -> tuple[int, int, int] | None:
    """Return start, length and process of a lock that one of ``kind`` would meet."""
    asked = struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked)
    except OSError:
        return None
    met, _, found_start, found_length, process_id = struct.unpack(_FLOCK, answer)
    return None if met == fcntl.F_UNLCK else (found_start, found_length, process_id)


def _is_flocked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _flock_process(fd: int, proc: Path) -> int:
    """Return which process took the exclusive lock; 0 if it cannot be seen."""
    inode = os.fstat(fd).st_ino
    line = re.compile(rf"^\d+: FLOCK +\S+ +WRITE (\d+) \S+:{inode} ", re.MULTILINE)
    found = line.search(read_text(proc / "locks"))
    return 0 if found is None else int(found[1])


def _who(process_id: int, proc: Path) -> str:
    if process_id <= 0:  # an open file's lock has no process, nor has another container's
        return "another program"
    command = read_text(proc / str(process_id) / "comm").strip()
    return f"process {process_id}" + (f" ({command})" if command else "")
