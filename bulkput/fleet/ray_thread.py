"""The thread of Ray's calls that may block, one at a time.

A daemon: one that hangs, as Ray's do where a head accepts connections and answers nothing, keeps
no process from its end, as those of an executor would. No other takes its place, as with those of
``ThreadWorkers``: what Ray starts on this machine ends with the thread that started it.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class RayThread:
    """Of one connection to a cluster."""

    def __init__(self) -> None:
        """Start it."""
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="bulkput-ray", daemon=True).start()

    def call(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Return what becomes the result of ``function``, which is called after those before."""
        result: Future[T] = Future()
        self._calls.put((result, function))
        return asyncio.wrap_future(result)

    def close(self) -> None:
        """Let it end, after the calls before."""
        self._calls.put(None)

    def _work(self) -> None:
        while (taken := self._calls.get()) is not None:
            result, function = taken
            if not result.set_running_or_notify_cancel():
                continue
            try:
                result.set_result(function())
            except BaseException as error:  # noqa: BLE001 - of Ray, of any kind: the caller's
                result.set_exception(error)
