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
CLIENTS_WAIT_S = 30.0
"""For a head's server of Ray's clients: it listens 3 to 7 s later than the head, on two cores."""
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


async def unreachable_until(head: str, limit_s: float, report: Callable[[str], None]) -> str | None:
    """Return None as soon as ``head`` can be reached, or why it cannot after ``limit_s``.

    What is waited for is reported once.
    """
    clock = LoopClock()
    end_s = clock.monotonic_s() + limit_s
    is_reported = False
    while (why := await unreachable(head)) is not None and clock.monotonic_s() < end_s:
        if not is_reported:
            report(f"{head}: the head cannot be reached yet: {why}. Waiting for it")
            is_reported = True
        await clock.sleep(_LOOK_S)
    return why


async def wait_for_head(head: str, report: Callable[[str], None]) -> None:
    """Return when the head can be reached; what is waited for is reported once.

    Raises:
        TemporaryError: it does not come.
    """
    why = await unreachable_until(head, WAIT_S, report)
    if why is not None:
        limit = f"{WAIT_S / 60:.0f} minutes"
        raise TemporaryError(f"{head}: the head did not come within {limit}: {why}")
