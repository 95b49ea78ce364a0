"""A thread for one piece of blocking work, where there are no workers yet."""

from collections.abc import Callable
from typing import TypeVar

from bulkput.pipeline.workers import ThreadWorkers

T = TypeVar("T")


async def run_in_own_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns.

    Unlike that of ``asyncio.to_thread``, the thread holds neither the end of the event loop nor of
    the process: whoever is cancelled waits for a disk that hangs no longer than
    ``ThreadWorkers.close``.

    Raises:
        MachineError: there is no thread to be had.
    """
    workers = ThreadWorkers(1)
    try:
        return await workers.run(work)
    finally:
        workers.close()
