"""Block devices: how long they are, whether they can be written, and who uses them.

Whether a device is claimed is the kernel's word (O_EXCL); the search in mount tables and sysfs
names who claims it.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from bulkput.machine.mounts import PROC, mounts, read_text, unescape

_BLKGETSIZE64 = 0x80081272
"""``_IOR(0x12, 114, size_t)`` of linux/fs.h where size_t has 8 bytes."""

_BLKSSZGET = 0x1268
"""``_IO(0x12, 104)`` of linux/fs.h."""

_BLKROGET = 0x125E
"""``_IO(0x12, 94)`` of linux/fs.h: whether the device is read-only, as an int."""

SYS_DEV_BLOCK = Path("/sys/dev/block")


def device_sector_bytes(fd: int) -> int:
    """Return the logical sector of the block device behind ``fd``, 512 or 4096 bytes.

    Raises:
        OSError: it is no block device.
    """
    answer = fcntl.ioctl(fd, _BLKSSZGET, bytes(4))
    return int(struct.unpack("=I", answer)[0])


def device_size_bytes(fd: int) -> int:
    """Return the length of the block device behind ``fd``.

    Raises:
        OSError: it is no block device, or has no medium.
    """
    answer = fcntl.ioctl(fd, _BLKGETSIZE64, bytes(8))
    return int(struct.unpack("=Q", answer)[0])


def is_read_only(fd: int) -> bool:
    """Return whether nobody can write to the block device behind ``fd``, not even root."""
    try:
        answer = fcntl.ioctl(fd, _BLKROGET, bytes(4))
    except OSError:
        return False
    return bool(struct.unpack("=i", answer)[0])


def device_users(
    device: int, path: Path, *, proc: Path = PROC, sysfs: Path = SYS_DEV_BLOCK
) -> list[str]:
    """Return who uses block device number ``device``, in words; empty where it cannot be seen.

    Its own mounts, its partitions' mounts, and what is built upon either (LVM, RAID, dm-crypt,
    bcache) with the mounts of that; swap on any of them; of a partition also what the whole disk
    is used for. A mount of another mount namespace, as containers and services have, is named
    with a process that sees it.
    """
    swaps = _swaps(proc)
    family = list(_family(sysfs / _number(device), path.name, set()))
    found: dict[str, list[str]] = {}
    tables = _tables(proc)
    for where, table in tables:
        for name, number in family:
            # btrfs shows a number of its own: only its source names the device.
            found.setdefault(name, []).extend(
                f"{name} is mounted at {mount.mount_point}{where}"
                for mount in mounts(table)
                if mount.number == number or mount.source == f"/dev/{name}"
            )
        if any(found.values()):
            break
    users: list[str] = []
    for name, number in family:
        own = list(dict.fromkeys(found.get(name, ())))
        own += [f"{name} is swap space"] * (name in swaps or number in swaps)
        if not own and name != path.name and _is_built_upon(sysfs / number):
            own = [f"{name} is built upon it"]
        users += own
    if not users and (disk := _whole_disk(sysfs / _number(device))) is not None:
        users = [f"{disk}, of which it is a partition, is used as a whole"] * any(
            _names(sysfs / _number(device) / ".." / "holders")
        )
    return users


def related_devices(device: int, *, sysfs: Path = SYS_DEV_BLOCK) -> set[int]:
    """Return the numbers of devices that share bytes with ``device``, which is one of them.

    Its partitions, what is built upon it, and the disk that it is a partition of.
    """
    folder = sysfs / _number(device)
    numbers = {number for _, number in _family(folder, "", set())}
    if (folder / "partition").exists():
        numbers.add(read_text(folder / ".." / "dev").strip())
    return {device} | {
        os.makedev(int(major), int(minor))
        for major, _, minor in (number.partition(":") for number in numbers)
        if major.isdecimal() and minor.isdecimal()
    }


def _family(folder: Path, name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield name and number of a device, its partitions and the devices upon them."""
    number = read_text(folder / "dev").strip() or folder.name
    if number in seen:
        return
    seen.add(number)
    yield name, number
    for children in (folder, folder / "holders"):
        for child in _names(children):
            if (child / "dev").is_file() and child.name not in ("bdi", "device"):
                yield from _family(child, child.name, seen)


def _names(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_built_upon(folder: Path) -> bool:
    return any(_names(folder / "slaves"))


def _whole_disk(folder: Path) -> str | None:
    """Return the name of the disk that the device is a partition of."""
    return folder.resolve().parent.name if (folder / "partition").exists() else None


def _tables(proc: Path) -> Iterator[tuple[str, str]]:
    """Yield the mount tables of this process and of every other mount namespace, and whose.

    The others only if somebody asks on: they are one file to read for each process.
    """
    yield "", read_text(proc / "self" / "mountinfo")
    seen = {_namespace(proc / "self")}
    for process in sorted(proc.glob("[0-9]*")):
        namespace = _namespace(process)
        if namespace and namespace not in seen:
            seen.add(namespace)
            command = read_text(process / "comm").strip()
            whose = f" of process {process.name} ({command})"
            yield whose, read_text(process / "mountinfo")


def _namespace(process: Path) -> str:
    try:
        return os.readlink(process / "ns" / "mnt")  # noqa: PTH115 - no path, but a text
    except OSError:
        return ""


def _swaps(proc: Path) -> set[str]:
    """Return names and numbers of the devices that are swap space."""
    found = set()
    for path in swap_paths(proc=proc):
        found.add(path.name)
        try:
            found.add(_number(path.stat().st_rdev))
        except OSError:
            continue
    return found


def swap_paths(*, proc: Path = PROC) -> list[Path]:
    """Return the devices and files that are swap space."""
    lines = read_text(proc / "swaps").splitlines()[1:]
    return [Path(unescape(line.split()[0])) for line in lines if line.strip()]


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"
