"""A child process that does not outlive its parent, nor what it began."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None]:
    """Return what asks the kernel, called in the child, to end it when this process ends.

    The kernel counts the thread that forks as the parent: it has to live as long as the child may.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where locks may be held after it

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def kill_with_descendants(pid: int) -> None:
    """End a process and what it started: a shell's child would live on, and hold the pipes."""
    kill_all((pid, *descendants(pid)))


def kill_all(pids: Iterable[int]) -> None:
    """End processes; those that have ended already are as they should be."""
    for each in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Return what a process has started, and what that has, as far as the parents live."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for task in _tasks(waiting.pop()):
            with contextlib.suppress(OSError):  # a thread that has ended; the others have children
                children = [int(each) for each in (task / "children").read_text().split()]
                found += children
                waiting += children
    return found


def _tasks(pid: int) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []
