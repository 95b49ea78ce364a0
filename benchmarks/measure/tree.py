"""A program with all that it starts, sampled from the outside: CPU seconds and memory by kind.

Memory is PSS, which divides pages that several processes share among them, so that sums are what
the machine needs. ``Usage`` counts only what a process has waited for: none of Ray's daemons.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure.process import cpu_s, descendants

_PROC = Path("/proc")


class Tree:
    """The descendants of a process, and itself, as long as it lives."""

    def __init__(self, pid: int, kind_of: Callable[[str], str]) -> None:
        """Begin with nothing seen.

        Args:
            pid: Of the process at the top.
            kind_of: Returns what to count a process as, by its command line.
        """
        self._pid, self._kind_of = pid, kind_of
        self._cpu_s: dict[int, float] = {}
        self._kinds: dict[int, str] = {}

    def count(self) -> None:
        """Take what each process has used by now; what it uses after the last call is lost."""
        for pid in descendants(self._pid):
            with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
                used_s, command = cpu_s(pid), _command(pid)
                self._cpu_s[pid] = used_s
                if command or pid not in self._kinds:  # titles change; who has ended has none
                    self._kinds[pid] = self._kind_of(command)

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds of all processes that were seen, by kind."""
        found: dict[str, float] = defaultdict(float)
        for pid, used_s in self._cpu_s.items():
            found[self._kinds[pid]] += used_s
        return dict(found)

    def pss_bytes(self) -> Counter[str]:
        """Return the memory of all that run now, by kind."""
        found: Counter[str] = Counter()
        for pid in descendants(self._pid):
            with contextlib.suppress(OSError, IndexError):
                found[self._kind_of(_command(pid))] += _pss_bytes(pid)
        return found


def _command(pid: int) -> str:
    return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _pss_bytes(pid: int) -> int:
    lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
