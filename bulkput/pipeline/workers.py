"""Where blocking work runs: a pool of threads, or the caller itself under virtual time."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from bulkput.model.errors import MachineError
from bulkput.model.shortage import machine_error

T = TypeVar("T")

_LEAVE_LIMIT_S = 1.0
"""For what still runs at the end: a window takes milliseconds, a bad disk may take for ever."""

Task = tuple["Future[Any]", Callable[[], Any]]


class Workers(Protocol):
    """Runs blocking functions without blocking the event loop."""

    count: int
    """How many functions run at the same time."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; after a cancellation ``work`` may still be running."""
        ...


class ThreadWorkers:
    """A fixed number of threads; hashlib, numpy and the kernel release the GIL in them.

    A read from a disk that hangs can be neither ended nor waited for. So the threads are daemons,
    which the end of the process takes down, unlike those of ``ThreadPoolExecutor``; and a thread
    whose work nobody waits for any more is replaced, so that others find one that is free.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._waiting: SimpleQueue[Task | None] = SimpleQueue()
        self._abandoned: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        for _ in range(count):
            self._begin_thread()

    async def run(self, work: Callable[[], T]) -> T:
        future: Future[T] = Future()
        self._waiting.put((future, work))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancel():
                self._abandon(future)
            raise

    def close(self) -> None:
        """Drop what waits, and wait a little for what runs; what hangs is left behind."""
        with suppress(Empty):
            while True:
                task = self._waiting.get_nowait()
                if task is not None:
                    task[0].cancel()
        for _ in self._threads:
            self._waiting.put(None)
        end_s = time.monotonic() + _LEAVE_LIMIT_S
        for thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))

    def _begin_thread(self) -> None:
        """Start one more.

        Raises:
            MachineError: it cannot be started.
        """
        number = len(self._threads)
        thread = threading.Thread(target=self._work, name=f"bulkput-worker-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            explained = machine_error(error)
            raise error if explained is None else explained from error
        self._threads.append(thread)

    def _abandon(self, future: "Future[Any]") -> None:
        """Begin another thread in the place of the one that has ``future``, if one has it."""
        with self._lock:
            if future.running():
                self._abandoned.add(future)
                with suppress(MachineError):  # then there is one fewer
                    self._begin_thread()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            future, work = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it handles it
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
            del task, work
            with self._lock:
                if future in self._abandoned:
                    self._abandoned.remove(future)
                    return
            del future
