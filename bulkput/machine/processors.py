"""How many processors this process may use, and how many of them have nothing to do."""

import math
import os
import time
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def usable_processors(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Return how many, at least 1, by affinity and control groups; a part of one counts as one."""
    affinity = len(os.sched_getaffinity(0))
    return max(1, math.ceil(min(affinity, quota_processors(proc, cgroups))))


def quota_processors(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> float:
    """Return the least quota of the groups that this process is in; infinite where there is none.

    Version 2: ``cpu.max`` of the group and of every one above it. Version 1: ``cpu.cfs_quota_us``
    of the controller's mount, which in a container is its own group.
    """
    lines = _text(proc / "self" / "cgroup").splitlines()
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "..")
    old = cgroups / "cpu"
    found = [_ratio(f"{_text(old / 'cpu.cfs_quota_us')} {_text(old / 'cpu.cfs_period_us')}")]
    if ".." not in Path(path).parts:
        folder = cgroups / path
        inside = (each for each in (folder, *folder.parents) if each.is_relative_to(cgroups))
        found += [_ratio(_text(each / "cpu.max")) for each in inside]
    return min(found)


class IdleProcessors:
    """Measures how many of the usable processors had nothing to do since the last time."""

    def __init__(self, proc: Path = _PROC) -> None:
        """Begin now."""
        self._proc = proc
        self._idle_s, self._clock_s = self._count_s(), time.monotonic()

    def count(self) -> float:
        """Return how many, whoever used the others; 0 where the kernel does not say."""
        idle_s, clock_s = self._count_s(), time.monotonic()
        found = (idle_s - self._idle_s) / max(clock_s - self._clock_s, 1e-3)
        self._idle_s, self._clock_s = idle_s, clock_s
        return max(0.0, found)

    def _count_s(self) -> float:
        """Return the idle time of all usable processors, those that wait for a disk included."""
        usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        ticks = 0
        for line in _text(self._proc / "stat").splitlines():
            name, *fields = line.split()
            if name in usable:
                ticks += sum(map(int, fields[3:5]))
        return ticks / _TICKS_PER_S


def _text(path: Path) -> str:
    """Return what the kernel shows; nothing where it does not."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _ratio(quota_and_period: str) -> float:
    """Return a quota's processors; infinite for ``max``, -1 and what is no quota."""
    try:
        quota, period = map(int, quota_and_period.split())
    except ValueError:
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf
