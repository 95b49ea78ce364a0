"""A child process that does not outlive its parent: the kernel's word for it, for both ends."""

import ctypes
import os
import signal
from collections.abc import Callable

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
