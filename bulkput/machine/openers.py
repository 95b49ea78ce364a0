"""Processes that have a file or device open, by ``/proc/PID/fd`` and ``/proc/PID/maps``.

For naming, and where no lease can be had: a process of another user is not seen without root, nor
is one outside the container, nor what the kernel itself has open.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bulkput.machine.mounts import PROC, read_text

_O_PATH = 0o10000000
"""A descriptor that can neither read nor write (fcntl.h)."""


class Opener(NamedTuple):
    """A process that has it open."""

    process_id: int
    command: str
    writes: bool

    def __str__(self) -> str:
        who = f"process {self.process_id} ({self.command})"
        if self.process_id == os.getpid():
            who = "this process itself"
        return f"{who} has it open" + (" for writing" if self.writes else "")


def openers_of_file(status: os.stat_result, *, proc: Path = PROC) -> list[Opener]:
    """Return the processes that have the regular file of ``status`` open or mapped."""

    def is_it(descriptor: Path, info: str) -> bool:
        # The inode first: to examine a descriptor on a server that is gone could wait for ever.
        inode = re.search(r"^ino:\s*(\d+)$", info, re.MULTILINE)  # Linux 5.14
        if inode is not None and int(inode[1]) != status.st_ino:
            return False
        return os.path.samestat(descriptor.stat(), status)

    return _openers(is_it, status.st_ino, proc)


def openers_of_device(devices: set[int], *, proc: Path = PROC) -> list[Opener]:
    """Return the processes that have a node of one of the block ``devices`` open."""

    def is_it(descriptor: Path, _: str) -> bool:
        if not os.readlink(descriptor).startswith("/dev/"):  # noqa: PTH115 - no path, but a text
            return False
        status = descriptor.stat()
        return stat.S_ISBLK(status.st_mode) and status.st_rdev in devices

    return _openers(is_it, None, proc)


def _openers(
    is_it: Callable[[Path, str], bool], mapped_inode: int | None, proc: Path
) -> list[Opener]:
    found = []
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        modes = set(_modes(process, is_it))
        if mapped_inode is not None and True not in modes and _maps(process, mapped_inode):
            modes.add(True)
        if modes:
            command = read_text(process / "comm").strip() or "?"
            found.append(Opener(int(process.name), command, writes=True in modes))
    return found


def _modes(process: Path, is_it: Callable[[Path, str], bool]) -> Iterator[bool]:
    """Yield of each descriptor that is it, whether it writes."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return  # it ended, or is another user's
    for descriptor in descriptors:
        info = read_text(process / "fdinfo" / descriptor.name)
        flags = re.search(r"^flags:\s*([0-7]+)$", info, re.MULTILINE)
        if flags is None or int(flags[1], 8) & _O_PATH:
            continue
        try:
            if is_it(descriptor, info):
                yield int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY
        except OSError:
            continue  # closed meanwhile


def _maps(process: Path, inode: int) -> bool:
    """Return whether a process has a shared, writable map of the file.

    By its inode alone: the device that ``maps`` shows is another than ``stat``'s on btrfs and
    overlays, and a process that is named by mistake is no worse than none that is named.
    """
    shared = re.compile(rf"^\S+ .w.s \S+ \S+ {inode}\b", re.MULTILINE)
    return shared.search(read_text(process / "maps")) is not None
