"""The event loop of a command: uvloop, and signals that end it in order.

What a command does to its process as a whole is done here, and nowhere that a library's caller
comes along: signals, malloc, the collector of garbage, the levels of loggers.

The first signal that asks for the end cancels the command, which has a limited time to leave; the
second leaves at once.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bulkput.ebs.loggers import quiet_secretive_loggers
from bulkput.jobs.process.malloc import keep_freed_memory
from bulkput.machine.limits import (
    forbid_core_dumps,
    raise_open_files,
    require_files,
    require_threads,
)
from bulkput.model.interruption import InterruptedBySignal

T = TypeVar("T")

_SIGNALS = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
    # Batch systems warn with these before they kill: Slurm and SGE as configured, ulimit -t.
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGALRM),
)
_ALWAYS_HEARD = frozenset({signal.SIGINT, signal.SIGTERM})
"""A shell without job control lets what it starts in the background ignore SIGINT."""

OnSignal = Callable[[int], None]
"""Hears a signal's number, in the event loop; must return soon."""


def _unheard(number: int) -> None:
    pass


def run_in_loop(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    on_stop: OnSignal = _unheard,
    on_leave: OnSignal = _unheard,
) -> T:
    """Run ``main()`` to its end in a new uvloop and return its result; blocks.

    Args:
        main: The command.
        on_stop: Hears the first signal, before the command is cancelled.
        on_leave: Hears the second one, before the process ends.

    Raises:
        InterruptedBySignal: a signal ended it.
        MachineError: there are too few threads for an event loop.
        OSError: there are too few files for one.
    """
    import uvloop  # noqa: PLC0415 - 20 ms that ``--help`` need not pay

    forbid_core_dumps()
    raise_open_files()
    require_files()
    require_threads()
    keep_freed_memory()
    if not gc.isenabled():
        # Modules live to the end: no collection need look at them again.
        gc.freeze()
        gc.enable()
    quiet_secretive_loggers()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_signal(main(), on_stop, on_leave))


async def _until_signal(main: Coroutine[Any, Any, T], on_stop: OnSignal, on_leave: OnSignal) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    received: list[int] = []

    def on_signal(number: int) -> None:
        if received:
            on_leave(number)
            os._exit(128 + number)
        received.append(number)
        on_stop(number)
        task.cancel()

    heard = [number for number in _SIGNALS if not _outlives(number)]
    interrupt = signal.getsignal(signal.SIGINT)
    for number in heard:
        loop.add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise InterruptedBySignal(received[0]) from None
        raise
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, interrupt)  # the loop leaves Python's own


def _outlives(number: signal.Signals) -> bool:
    """Return whether the command was started to outlive the signal, as ``nohup`` does it."""
    return number not in _ALWAYS_HEARD and signal.getsignal(number) is signal.SIG_IGN
