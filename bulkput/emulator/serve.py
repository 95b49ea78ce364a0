"""The emulator as a program of its own: runs until it is asked to end.

Owns the process's loop, signals and limit of open files. Knows nothing of the command line.
"""

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable

import uvloop

from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator


def run(options: EmulatorOptions, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then end in order. Blocks.

    Args:
        options: how to serve.
        on_ready: called once with the URL.

    Raises:
        StoreError: the root folder is in use.
        OSError: the address is taken, or a file cannot be read.
    """
    _raise_file_limit()
    _forbid_core_dumps()
    uvloop.run(_serve(options, on_ready))


async def _serve(options: EmulatorOptions, on_ready: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with Emulator(options) as emulator:
        on_ready(emulator.url)
        await ended.wait()


def _raise_file_limit() -> None:
    """Take as many open files as are allowed: two or three a snapshot, one a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _forbid_core_dumps() -> None:
    """Leave no image of the memory behind a crash: keys and blocks are in it.

    Of one byte, not of none: at 0 a handler in core_pattern is still started (fs/coredump.c).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))
