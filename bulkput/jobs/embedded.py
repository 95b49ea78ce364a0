"""The embedded server as a process of its own, for as long as a job needs it.

A process, not a task: it has its own core and shares no memory with what it checks, and it ends
with the job even when the job is killed.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bulkput.ledger.folder import ensure_folder
from bulkput.model.errors import TemporaryError

_START_LIMIT_S = 30.0
"""A start takes about 0.5 s; a machine that needs sixty times as long is not usable."""

_STOP_LIMIT_S = 5.0
"""What the server may take to end in order before it is killed."""

_PR_SET_PDEATHSIG = 1


@contextlib.asynccontextmanager
async def embedded_server(root: Path) -> AsyncIterator[str]:
    """Start the emulator on a free loopback port and give its URL; stop it at the end.

    Raises:
        TemporaryError: it did not come up; the message has its last words.
    """
    ensure_folder(root)
    log_path = root / "emulator.log"
    log_path.touch(mode=0o600)
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bulkput", "emulator", "--port", "0", "--root", str(root)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the job, which ends the server by itself
            preexec_fn=_die_with_parent(os.getpid()),
        )
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        line = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_LIMIT_S):
                line = (await process.stdout.readline()).decode()
        if "http" not in line:
            raise TemporaryError(f"the embedded server did not start; its words are in {log_path}")
        yield line.split()[-1]
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent(parent: int) -> Callable[[], None]:
    """Return what asks the kernel, in the child, to end it when ``parent`` ends."""
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where locks may be held after it

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
