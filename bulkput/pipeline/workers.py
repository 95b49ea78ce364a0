"""Where blocking work runs: a pool of threads, or the caller itself under virtual time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Workers(Protocol):
    """Runs blocking functions without blocking the event loop."""

    count: int
    """How many functions run at the same time."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; after a cancellation ``work`` may still be running."""
        ...


class ThreadWorkers:
    """A fixed pool of threads; hashlib, numpy and the kernel release the GIL in them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="bulkput-worker")

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what runs, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
