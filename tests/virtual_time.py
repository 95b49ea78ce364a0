"""An event loop whose time passes only when nothing else is left to do.

An hour of waiting takes no time, every run of the same coroutines takes the same order, and a
program that waits for nothing at all is an error instead of a hang. It has no sockets and no
threads: what waits for either would never be woken.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Nothing is ready and no timer is set: the program would wait for ever."""


class _IdleSelector(selectors.SelectSelector):
    """Watches nothing; being asked to wait moves the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError("nothing is ready and no timer is set")
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on virtual time, which starts at 0 s."""

    def __init__(self) -> None:
        self._idle = _IdleSelector()
        super().__init__(self._idle)
        # A timer is due when the time is what it was set to: no fraction of a tick earlier.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._idle.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        raise NotImplementedError("threads do not run on virtual time")


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on virtual time and return its result.

    Raises:
        DeadlockError: ``main`` waits for something that can never come.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
