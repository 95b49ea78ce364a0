"""Whether the head of a cluster can be reached at all: Ray tries for a quarter of an hour."""

import asyncio
import contextlib
from collections.abc import Callable

from bulkput.model.clock import LoopClock
from bulkput.model.errors import TemporaryError

REACH_LIMIT_S = 5.0
"""For a connection to the head's port: two repeats of a SYN, by Linux's timers."""
WAIT_S = 300.0
"""Of a host for its head: machines that boot together are ready within minutes of each other."""
_LOOK_S = 2.0


async def unreachable(head: str) -> str | None:
    """Return why no connection to ``head``, HOST:PORT, can be made; None if one can."""
    host, _, port = head.rpartition(":")
    try:
        async with asyncio.timeout(REACH_LIMIT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"no answer within {REACH_LIMIT_S:.0f} s"
    except (OSError, ValueError, OverflowError) as error:
        strerror = getattr(error, "strerror", None)
        return str(strerror or error).lower() or type(error).__name__
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None


async def wait_for_head(head: str, report: Callable[[str], None]) -> None:
    """Return when the head can be reached; what is waited for is reported once.

    Raises:
        TemporaryError: it does not come.
    """
    clock = LoopClock()
    end_s = clock.monotonic_s() + WAIT_S
    is_reported = False
    while (why := await unreachable(head)) is not None:
        if clock.monotonic_s() >= end_s:
            limit = f"{WAIT_S / 60:.0f} minutes"
            raise TemporaryError(f"{head}: the head did not come within {limit}: {why}")
        if not is_reported:
            report(f"{head}: the head cannot be reached yet: {why}. Waiting for it")
            is_reported = True
        await clock.sleep(_LOOK_S)
