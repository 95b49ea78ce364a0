"""The disks of this machine, by sysfs: which of them a job may take.

Owns the rule: whole disks only, and never one that the running system stands on. Reading is one
function, deciding another, which is pure.
"""

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECTOR_BYTES = 512
"""``size`` in sysfs counts these, whatever the device's own sectors are."""

_SYSTEM_MOUNTS = ("/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc", "/opt", "/srv")
"""What stands on the root disk where `/` itself is no device, as in a container or a live system.
"""


@dataclass(frozen=True)
class Disk:
    """One whole disk."""

    name: str
    """As in ``/sys/block`` and ``/dev``."""
    size_bytes: int
    is_system: bool
    """The running system stands on it, by whatever is between: partitions, LVM, RAID, dm-crypt."""
    is_used: bool
    """Something of it is mounted, is swap space, or something is built upon it."""


class NoRootDiskError(Exception):
    """Which disk is the root disk cannot be seen."""


def chosen_disks(
    disks: Iterable[Disk], *, unmounted: bool, exclude: Sequence[str], min_size_bytes: int
) -> list[Disk]:
    """Return the disks to take, by name.

    Args:
        disks: What there is.
        unmounted: Leave out what is in use.
        exclude: Patterns of names or of paths below ``/dev``.
        min_size_bytes: Leave out smaller ones.
    """
    patterns = [pattern.removeprefix("/dev/") for pattern in exclude]
    return sorted(
        (
            disk
            for disk in disks
            if not disk.is_system
            and not (unmounted and disk.is_used)
            and disk.size_bytes >= max(1, min_size_bytes)
            and not any(fnmatch.fnmatchcase(disk.name, pattern) for pattern in patterns)
        ),
        key=lambda disk: disk.name,
    )


def read_disks(sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> list[Disk]:
    """Return the disks of this machine.

    Raises:
        NoRootDiskError: none of the mounts of the system leads to a disk.
        OSError: sysfs cannot be read.
    """
    mounts = list(_mounts(proc))
    swaps = {line.split()[0].removeprefix("/dev/") for line in _text(proc / "swaps").splitlines()}
    system: set[str] = set()
    for point, number, source in mounts:
        if point in _SYSTEM_MOUNTS:
            device = _device(sysfs, number) or _device(sysfs, _number_of(source))
            if device is not None:
                system.update(_disks_below(sysfs, device))
    if not system:
        raise NoRootDiskError
    numbers = {number for _, number, _ in mounts}
    sources = {source.removeprefix("/dev/") for _, _, source in mounts}
    return [
        Disk(
            folder.name,
            int(_text(folder / "size") or 0) * _SECTOR_BYTES,
            folder.name in system,
            any(
                part.name in sources | swaps
                or _text(part / "dev") in numbers
                or _names(part / "holders")
                for part in (folder, *_partitions(folder))
            ),
        )
        for folder in sorted((sysfs / "block").iterdir())
        # Only what has hardware behind it: not loop, ram, zram, dm and md, which stand on others.
        if (folder / "device").exists() and not folder.name.startswith(("sr", "fd"))
    ]


def _mounts(proc: Path) -> Iterator[tuple[str, str, str]]:
    """Yield mount point, device number and source of every mount (proc_pid_mountinfo(5))."""
    for line in _text(proc / "self" / "mountinfo").splitlines():
        head, _, tail = line.partition(" - ")
        fields, rest = head.split(), tail.split()
        if len(fields) > 4 and len(rest) > 1:
            yield fields[4], fields[2], rest[1]


def _number_of(source: str) -> str:
    """Return the number of a device by its path: btrfs mounts show a number of their own."""
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return ""
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if status.st_rdev else ""


def _device(sysfs: Path, number: str) -> Path | None:
    folder = sysfs / "dev" / "block" / number
    return folder.resolve() if number and folder.exists() else None


def _disks_below(sysfs: Path, device: Path) -> Iterator[str]:
    """Yield the disks that ``device`` stands on, itself if it is one."""
    below = _names(device / "slaves")
    if below:
        for name in below:
            yield from _disks_below(sysfs, (device / "slaves" / name).resolve())
    elif (device / "partition").exists():
        yield device.parent.name
    else:
        yield device.name


def _partitions(folder: Path) -> list[Path]:
    return [part for part in folder.iterdir() if (part / "partition").exists()]


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""
