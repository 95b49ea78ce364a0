"""Time, handed in: nothing below the jobs reads a clock or sleeps in any other way."""

import asyncio
import select
import time
from typing import Protocol


def pause_thread(delay_s: float) -> None:
    """Suspend this thread; zero or less returns at once.

    Not ``time.sleep``: from Python 3.11 on that waits for a point of CLOCK_MONOTONIC, which the
    system refuses (EINVAL) where something bends one clock and not the other, as libfaketime does
    after a jump. The limit of select(2) is a duration.
    """
    select.select((), (), (), max(0.0, delay_s))


def boottime_s() -> float:
    """Return the seconds that leases run by: a suspended machine does not stop them.

    They are the same in all processes of a machine.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock(Protocol):
    """Where the program takes its time from."""

    def monotonic_s(self) -> float:
        """Return seconds that never go back, for intervals and deadlines."""
        ...

    def unix_s(self) -> float:
        """Return seconds since 1970, for signatures and reports."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Suspend the caller for ``delay_s`` seconds; zero or less yields once."""
        ...


class LoopClock:
    """The running event loop's time, so that a loop with virtual time carries everything along.

    ``unix_s`` starts from the system's clock (or ``unix_epoch_s``) and advances with the loop.
    """

    def __init__(self, unix_epoch_s: float | None = None) -> None:
        """Bind to the running loop; must be called inside it."""
        self._loop = asyncio.get_running_loop()
        self._epoch_s = unix_epoch_s

    def monotonic_s(self) -> float:
        return self._loop.time()

    def unix_s(self) -> float:
        if self._epoch_s is None:
            return time.time()
        return self._epoch_s + self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
