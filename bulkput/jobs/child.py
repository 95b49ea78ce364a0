"""Processes of our own: this interpreter, in a session of its own, ended when this process ends."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import IO

_PR_SET_PDEATHSIG = 1


async def start_child(
    module: str,
    arguments: Sequence[str],
    *,
    stderr: int | IO[bytes],
    pass_fds: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Start ``python -m module`` with nothing to read and a pipe for what it prints.

    It has its own session: Ctrl-C in a terminal is for this process, which ends its children by
    itself. If this process is killed, the kernel kills the child.

    Args:
        module: looked up where this process finds its own modules, not in the working folder.
        arguments: seen by every user of the machine; never a secret.
        stderr: a file, or one of asyncio.subprocess's constants.
        pass_fds: descriptors that stay open in the child under the same numbers.

    Raises:
        OSError: no process can be started.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each or os.curdir for each in sys.path)},
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid()),
    )


def terminate(process: asyncio.subprocess.Process) -> None:
    """Ask ``process`` to end, if it has not."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()


def kill(process: asyncio.subprocess.Process) -> None:
    """End ``process`` at once, if it has not ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _die_with_parent(parent: int) -> Callable[[], None]:
    """Return what asks the kernel, in the child, to end it when ``parent`` ends."""
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where locks may be held after it

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
