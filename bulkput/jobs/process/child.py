"""Processes of our own: this interpreter, in a session of its own, ended when this process ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from bulkput.model.parent import die_with_parent


async def start_child(
    module: str,
    arguments: Sequence[str],
    *,
    stderr: int | IO[bytes],
    stdin: int = asyncio.subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    environ: Mapping[str, str] = os.environ,
) -> asyncio.subprocess.Process:
    """Start ``python -m module`` with a pipe for what it prints.

    It has its own session: Ctrl-C in a terminal is for this process, which ends its children by
    itself. If this process is killed, the kernel kills the child.

    Args:
        module: looked up where this process finds its own modules, not in the working folder.
        arguments: seen by every user of the machine; never a secret.
        stderr: a file, or one of asyncio.subprocess's constants.
        stdin: nothing to read, or a pipe for what no other user may see.
        pass_fds: descriptors that stay open in the child under the same numbers.
        environ: its environment, to which the place of our modules is added.

    Raises:
        OSError: no process can be started.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**environ, "PYTHONPATH": os.pathsep.join(each or os.curdir for each in sys.path)},
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=die_with_parent(),
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


def how_it_ended(status: int) -> str:
    """Return one clause about a process that ended with ``status``, as asyncio has it."""
    if status == -signal.SIGKILL:
        return "it was killed by SIGKILL, as the kernel does when memory runs out"
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with exit code {status}"
