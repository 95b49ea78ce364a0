"""Loop devices: which of them show a file as a disk.

By sysfs, which anybody may read; the kernel's path of the backing file follows renames.
"""

import os
from pathlib import Path
from typing import NamedTuple

from bulkput.machine.devices import device_users
from bulkput.machine.mounts import read_text

_SYS_BLOCK = Path("/sys/block")


class Loop(NamedTuple):
    """One loop device."""

    name: str
    device: int
    """Its number, as ``st_rdev``."""
    is_read_only: bool

    def __str__(self) -> str:
        """Return in words that it is attached, and who uses it."""
        users = device_users(self.device, Path("/dev") / self.name)
        used = f" ({', '.join(users)})" if users else ""
        how = "for reading" if self.is_read_only else "for writing"
        return f"/dev/{self.name} is attached to it {how}{used}"


def loops_upon(status: os.stat_result, *, sys_block: Path = _SYS_BLOCK) -> list[Loop]:
    """Return the loop devices whose backing file is the one of ``status``."""
    found = []
    for folder in sorted(sys_block.glob("loop*")):
        backing = read_text(folder / "loop" / "backing_file").removesuffix("\n")
        if not backing or not _is(backing, status):
            continue
        major, _, minor = read_text(folder / "dev").strip().partition(":")
        if major.isdecimal() and minor.isdecimal():
            read_only = read_text(folder / "ro").strip() == "1"
            found.append(Loop(folder.name, os.makedev(int(major), int(minor)), read_only))
    return found


def backing_file(device: int, *, sys_block: Path = _SYS_BLOCK) -> os.stat_result | None:
    """Return what the loop device's backing file is; None of another device, or if it is gone."""
    folder = sys_block.parent / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}"
    backing = read_text(folder / "loop" / "backing_file").removesuffix("\n")
    return _status(backing) if backing else None


def _is(path: str, status: os.stat_result) -> bool:
    found = _status(path)
    return found is not None and os.path.samestat(found, status)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a text of the kernel's
    except (OSError, ValueError):
        return None
