"""The mount table of a process, as ``/proc/PID/mountinfo`` has it (proc(5))."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Mount(NamedTuple):
    """One line."""

    mount_id: str
    number: str
    """Of the device, as MAJOR:MINOR; btrfs has a number of its own."""
    mount_point: str
    file_system: str
    """Its type, such as ``ext4``."""
    source: str


def mounts(table: str) -> Iterator[Mount]:
    """Yield every line of a mount table that is one."""
    for line in table.splitlines():
        head, _, tail = line.partition(" - ")
        fields, tail_fields = head.split(), tail.split()
        if len(fields) > 4 and len(tail_fields) > 1:
            mount_point, source = unescape(fields[4]), unescape(tail_fields[1])
            yield Mount(fields[0], fields[2], mount_point, tail_fields[0], source)


def file_system_of(fd: int, *, proc: Path = PROC) -> str:
    """Return the type of the file system that an open file is on; empty where it cannot be known.

    By the mount's id: device numbers differ between ``stat`` and the table on btrfs and overlays.
    """
    info = read_text(proc / "self" / "fdinfo" / str(fd))
    found = re.search(r"^mnt_id:\s*(\d+)$", info, re.MULTILINE)
    table = read_text(proc / "self" / "mountinfo")
    known = {mount.mount_id: mount.file_system for mount in mounts(table)}
    return "" if found is None else known.get(found[1], "")


def unescape(text: str) -> str:
    """Undo the octal escapes of blanks and backslashes in the kernel's tables."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def read_text(path: Path) -> str:
    """Return the content of a file of the kernel; nothing where it cannot be read.

    Names in it are bytes of any encoding.
    """
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""
