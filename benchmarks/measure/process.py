"""One measured process: wall time, CPU seconds and peak memory, seen from the outside.

Knows nothing of who is measured.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]

_SAMPLE_S = 0.05
"""Between two looks at the memory: 20 a second cost the machine well below one percent."""

_KILL_AFTER_S = 10.0
_PAGE_SIZE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ChildFailedError(Exception):
    """A measured program did not do its work; the text has the end of what it said."""


@dataclass(frozen=True)
class Usage:
    """What one process, with its waited-for children, took."""

    exit_status: int
    wall_s: float
    cpu_s: float
    """User and system."""
    peak_rss_bytes: int


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a running process has used so far (10 ms resolution)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def descendants(pid: int) -> Iterator[int]:
    """Yield the ids of a process and of all that it started; any of them may have ended by then."""
    pending = [pid]
    while pending:
        one = pending.pop()
        yield one
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                pending += [int(child) for child in (task / "children").read_text().split()]


def _tree_rss_bytes(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants; pages shared count twice."""
    total = 0
    for one in descendants(pid):
        with contextlib.suppress(OSError, IndexError):  # it ended between two looks
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_SIZE_BYTES
    return total


def _own_peak_bytes(peak_kib: int) -> int:
    """Return the kernel's peak of an ended process, or 0 where that may be the harness's own.

    It is exact where the samples may miss a moment, but a process inherits the peak of the one
    that forked it; the samples, on the other hand, see several processes at once.
    """
    harness_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_kib * 1024 if peak_kib > harness_kib else 0


class Child:
    """A started program; as a context manager it never outlives its block."""

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: Path, name: str
    ) -> None:
        self.name = name
        self.stdout_path = folder / f"{name}.stdout"
        self.stderr_path = folder / f"{name}.stderr"
        self._peak_rss_bytes = 0
        self._usage: Usage | None = None
        with self.stdout_path.open("wb") as stdout, self.stderr_path.open("wb") as stderr:
            self.started_unix_s = time.time()
            self._started_s = time.monotonic()
            self._process = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        self._pid_descriptor = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ended_within(self, delay_s: float) -> bool:
        """Watch the program for up to ``delay_s``; return whether it has ended."""
        deadline_s = time.monotonic() + delay_s
        while self._usage is None:
            left_s = deadline_s - time.monotonic()
            ready, _, _ = select.select(
                [self._pid_descriptor], [], [], max(0, min(left_s, _SAMPLE_S))
            )
            if ready:
                self._reap()
            elif left_s <= 0:
                return False
            else:
                self._peak_rss_bytes = max(self._peak_rss_bytes, _tree_rss_bytes(self.pid))
        return True

    def wait(self, timeout_s: float) -> Usage:
        """Return the usage of a program that must end by itself, and well.

        Raises:
            ChildFailedError: it took too long, or ended with another status than 0.
        """
        if not self.ended_within(timeout_s):
            self.stop()
            raise ChildFailedError(
                f"{self.name}: not done after {timeout_s:.0f} s: {self.last_output()}"
            )
        usage = self.usage
        if usage.exit_status != 0:
            raise ChildFailedError(f"{self.name}: exit {usage.exit_status}: {self.last_output()}")
        return usage

    def stop(self) -> None:
        """Ask the program to end, and end it if it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._usage is None:
                self._process.send_signal(number)
                self.ended_within(_KILL_AFTER_S)

    @property
    def usage(self) -> Usage:
        """What the program took; only once it has ended."""
        if self._usage is None:
            raise ChildFailedError(f"{self.name} is still running")
        return self._usage

    def last_output(self) -> str:
        """Return the end of what the program said on stderr, on one line."""
        lines = self.stderr_path.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[-400:] or "(it said nothing)"

    def _reap(self) -> None:
        _, status, used = os.wait4(self.pid, 0)
        ended_s = time.monotonic()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._usage = Usage(
            exit_status=self._process.returncode,
            wall_s=ended_s - self._started_s,
            cpu_s=used.ru_utime + used.ru_stime,
            peak_rss_bytes=max(_own_peak_bytes(used.ru_maxrss), self._peak_rss_bytes),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        os.close(self._pid_descriptor)
