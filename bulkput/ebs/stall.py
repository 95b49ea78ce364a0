"""Notices attempts on which nothing moves, whether the body is being sent or an answer awaited.

aiohttp's ``sock_read`` begins only when the body has been handed over, and event loops buffer
bodies, so neither can tell a slow line from a peer that has stopped reading. The kernel can:
TCP_INFO counts the bytes that the peer acknowledged and those received. One timer looks at all
attempts, so that a put pays nothing for being watched. Knows no request and no error.
"""

import asyncio
import socket
import struct
import sys
from typing import Any, Final

_TCP_INFO_LENGTH = 136
_TCPI_BYTES = struct.Struct("=120xQQ")
"""tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info (linux/tcp.h, since 4.2)."""

_LOOKS_PER_LIMIT = 8
"""An attempt is abandoned at most an eighth later than the limit says."""


class Attempt:
    """One request on the wire."""

    __slots__ = ("moved", "moved_s", "stalled", "transport")

    def __init__(self) -> None:
        self.transport: Any = None
        """Set when the request begins to be sent."""
        self.moved: tuple[int, int] | None = None
        self.moved_s = 0.0
        self.stalled = False
        """Whether this attempt was ended because nothing moved."""


class StallWatch:
    """Ends the connections of attempts on which no byte was sent or received for too long."""

    def __init__(self, limit_s: float) -> None:
        """Begin to watch; must be called in the event loop.

        Args:
            limit_s: How long nothing may move.
        """
        self._limit_s: Final = limit_s
        self._attempts: set[Attempt] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, attempt: Attempt) -> None:
        """Watch ``attempt``."""
        self._attempts.add(attempt)
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit_s / _LOOKS_PER_LIMIT, self._look)

    def end(self, attempt: Attempt) -> None:
        """Watch ``attempt`` no more."""
        self._attempts.discard(attempt)

    def close(self) -> None:
        """Stop watching."""
        self._attempts.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        for attempt in self._attempts:
            if attempt.transport is None or attempt.stalled:
                continue  # still connecting, which has its own limit
            moved = _bytes_moved(attempt.transport)
            if attempt.moved is None or moved != attempt.moved:
                attempt.moved = moved
                attempt.moved_s = now_s
            elif now_s - attempt.moved_s >= self._limit_s:
                attempt.stalled = True
                attempt.transport.abort()
        if self._attempts:
            self._timer = self._loop.call_later(self._limit_s / _LOOKS_PER_LIMIT, self._look)


def _bytes_moved(transport: Any) -> tuple[int, int]:
    """Return the bytes acknowledged by the peer and received from it; zeros if unknown.

    Where the kernel does not tell, an attempt is ended when ``limit_s`` has gone by without an
    answer.
    """
    peer = transport.get_extra_info("socket")
    if peer is None or not sys.platform.startswith("linux"):
        return (0, 0)
    try:
        info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_LENGTH)
    except OSError:
        return (0, 0)
    if len(info) < _TCP_INFO_LENGTH:
        return (0, 0)
    acknowledged, received = _TCPI_BYTES.unpack(info)
    return (acknowledged, received)
