"""Block devices: how long they are, and who uses them.

Owns the ioctl and the search for the user in mountinfo and sysfs, which serves the message only:
whether a device is in use is the kernel's word (O_EXCL).
"""

import fcntl
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

_BLKGETSIZE64 = 0x80081272
"""``_IOR(0x12, 114, size_t)`` of linux/fs.h where size_t has 8 bytes."""

_MOUNTINFO = Path("/proc/self/mountinfo")
_SYSFS = Path("/sys/dev/block")


def device_size_bytes(fd: int) -> int:
    """Return the length of the block device behind ``fd``.

    Raises:
        OSError: it is no block device, or has no medium.
    """
    answer = fcntl.ioctl(fd, _BLKGETSIZE64, bytes(8))
    return int(struct.unpack("=Q", answer)[0])


def device_users(
    device: int, path: Path, *, mountinfo: Path = _MOUNTINFO, sysfs: Path = _SYSFS
) -> list[str]:
    """Return who uses block device number ``device``, in words; empty where it cannot be seen.

    Its own mounts, its partitions' mounts, and what is built upon either (LVM, RAID, dm-crypt)
    with the mounts of that.
    """
    table = _read_text(mountinfo)
    users: list[str] = []
    for name, number in _family(sysfs / _number(device), path.name, set()):
        mounts = [
            mount_point
            for mounted_number, mount_point, mounted_from in _mounts(table)
            # btrfs shows a number of its own: only its source names the device.
            if mounted_number == number or mounted_from == f"/dev/{name}"
        ]
        users += [f"{name} is mounted at {mount_point}" for mount_point in dict.fromkeys(mounts)]
        if not mounts and name != path.name and (sysfs / number / "slaves").is_dir():
            users += [f"{name} is built upon it"] * any(sysfs.joinpath(number, "slaves").iterdir())
    return users


def _family(folder: Path, name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield name and number of a device, its partitions and the devices upon them."""
    number = _read_text(folder / "dev").strip() or folder.name
    if number in seen:
        return
    seen.add(number)
    yield name, number
    for children in (folder, folder / "holders"):
        for child in sorted(children.iterdir()) if children.is_dir() else ():
            if (child / "dev").is_file() and child.name not in ("bdi", "device"):
                yield from _family(child, child.name, seen)


def _mounts(table: str) -> Iterator[tuple[str, str, str]]:
    """Yield device number, mount point and source of every line (proc(5))."""
    for line in table.splitlines():
        head, _, tail = line.partition(" - ")
        fields, tail_fields = head.split(), tail.split()
        if len(fields) > 4 and len(tail_fields) > 1:
            yield fields[2], _unescape(fields[4]), _unescape(tail_fields[1])


def _unescape(text: str) -> str:
    """Undo mountinfo's octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
