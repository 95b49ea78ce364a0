"""Ends attempts that take too long, or on which nothing moves any more.

aiohttp's ``sock_read`` begins only when a body has been handed over, and event loops buffer
bodies, so neither can distinguish a slow line from a peer that has stopped reading. The kernel can:
TCP_INFO counts the bytes that the peer acknowledged and those received. One timer looks at all
attempts, so that a put pays nothing for being watched. Knows no request and no error.
"""

import asyncio
import socket
import struct
import sys
from typing import Any, Final, NamedTuple

_TCP_INFO_LENGTH = 136
_TCPI_BYTES = struct.Struct("=120xQQ")
"""tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info (linux/tcp.h, since 4.2)."""

PACE_FLOOR_BYTES_PER_S = 16 * 1024
"""An attempt on which bytes move is alive, at this pace at least: a block then takes 32 s, about as
long as the service reads one (`Failed to read block data`). Two of them fill a link of 32 KiB/s; a
peer that drips a byte now and then does not reach it."""

PATIENCE_EXCHANGES = 5.0
"""Nothing may move for so many times what exchanges take: whoever forwards them, a proxy or a
gateway before a narrow link, takes a whole block at once and is silent until it is through. From
two puts in flight to the eight that their acknowledgements allow it takes four times as long."""

PATIENCE_TURNS = 3.0
"""Or for so many turns of all that are under way, at the pace at which answers come: on a link that
has just become a tenth as wide, every exchange takes ten times what exchanges took."""

PATIENCE_GROWTH = 2.0
"""Nothing may move for so many times the stillness that an attempt was last ended for, while
nothing is answered: where every answer takes 15 s, or the link stands still, ending all of them at
once would send all of it again. So one is ended, which finds out whether another connection does
better. What is still while others are answered has no such time."""

PATIENCE_FACTOR_MAX = 10.0
"""Of the configured limit, 120 s by default: whatever is known of others, this one is stuck."""

INTERVAL_GAIN = 0.3
"""Weight of the last interval between answers in their mean: known anew after some ten of them."""

EXCHANGE_DECAY = 0.99
"""Per exchange, of the longest one: that of a brownout is forgotten after some hundred."""

_LOOKS_PER_LIMIT = 8
"""An attempt is ended at most an eighth of the shorter limit later than it says."""


class Moved(NamedTuple):
    """Bytes of one connection, as the kernel counts them; zeros where it does not."""

    acknowledged_bytes: int = 0
    received_bytes: int = 0


class Attempt:
    """One request on a connection."""

    __slots__ = (
        "connected_s",
        "ended_because",
        "first_moved",
        "has_body",
        "moved",
        "moved_s",
        "started_s",
        "transport",
    )

    def __init__(
        self, transport: Any, started_s: float, now_s: float, *, has_body: bool = False
    ) -> None:
        """Take the attempt's facts.

        Args:
            transport: Its connection.
            started_s: When it began, the connecting included.
            now_s: When it got its connection.
            has_body: What it sends sets its pace, not what it receives.
        """
        self.transport = transport
        self.started_s = started_s
        self.connected_s = now_s
        self.has_body = has_body
        self.first_moved: Moved | None = None
        """Of its connection, as the first look found it."""
        self.moved: Moved | None = None
        self.moved_s = now_s
        self.ended_because = ""
        """Why the watch ended it; empty if it did not."""


class Watch:
    """Looks at the attempts under way, and ends those past a limit by closing their connection."""

    def __init__(self, *, attempt_s: float, no_progress_s: float) -> None:
        """Take the limits; must be called in the event loop.

        Args:
            attempt_s: For a whole attempt, beside what moves at ``PACE_FLOOR_BYTES_PER_S``.
            no_progress_s: Without one byte sent or received.
        """
        self._attempt_s: Final = attempt_s
        self._no_progress_s: Final = no_progress_s
        self._look_every_s: Final = min(attempt_s, no_progress_s) / _LOOKS_PER_LIMIT
        self.exchange_s = 0.0
        """How long an exchange takes: the longest of those that were answered lately."""
        self._interval_s = 0.0
        self._ended_after_s = 0.0
        """Without a byte or an answer, the last attempt that was ended, if none came since."""
        self._last_answer_s = float("-inf")
        self._answered_s: float | None = None
        """When the last answer came, if something has been under way ever since."""
        self._attempts: set[Attempt] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, attempt: Attempt) -> None:
        """Watch ``attempt``."""
        self._attempts.add(attempt)
        if self._timer is None:
            self._timer = self._loop.call_later(self._look_every_s, self._look)

    def end(self, attempt: Attempt) -> None:
        """Watch ``attempt`` no more."""
        self._attempts.discard(attempt)
        if not self._attempts:
            self._answered_s = None

    def answered(self, attempt: Attempt) -> None:
        """Learn how long an exchange took that was answered."""
        now_s = self._loop.time()
        self._ended_after_s = 0.0
        self._last_answer_s = now_s
        took_s = now_s - attempt.connected_s
        self.exchange_s = max(took_s, EXCHANGE_DECAY * self.exchange_s)
        if self._answered_s is not None:
            interval_s = now_s - self._answered_s
            self._interval_s += INTERVAL_GAIN * (interval_s - self._interval_s)
        self._answered_s = now_s

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
            if attempt.ended_because:
                continue
            attempt.ended_because = self._why_to_end(attempt, now_s)
            if attempt.ended_because:
                attempt.transport.abort()
        if self._attempts:
            self._timer = self._loop.call_later(self._look_every_s, self._look)

    def _patience_s(self, still_since_s: float) -> float:
        """Return how long an exchange may be still, by what is known of others."""
        turn_s = self._interval_s * len(self._attempts)
        known_s = max(PATIENCE_EXCHANGES * self.exchange_s, PATIENCE_TURNS * turn_s)
        if self._last_answer_s <= still_since_s:
            known_s = max(known_s, PATIENCE_GROWTH * self._ended_after_s)
        return min(PATIENCE_FACTOR_MAX * self._no_progress_s, known_s)

    def _why_to_end(self, attempt: Attempt, now_s: float) -> str:
        moved = bytes_moved(attempt.transport)
        if moved != attempt.moved:
            attempt.moved = moved
            attempt.moved_s = now_s
        patience_s = self._patience_s(attempt.moved_s)
        still_s = max(self._no_progress_s, patience_s)
        if now_s - attempt.moved_s >= still_s:
            self._ended_after_s = still_s
            return f"no byte was sent or received for {still_s:.3g} s"
        if attempt.first_moved is None:
            attempt.first_moved = moved
        first = attempt.first_moved
        if attempt.has_body:
            carried_bytes = moved.acknowledged_bytes - first.acknowledged_bytes
        else:
            carried_bytes = moved.received_bytes - first.received_bytes
        answer_s = max(self._attempt_s, patience_s)
        limit_s = answer_s + carried_bytes / PACE_FLOOR_BYTES_PER_S
        if now_s - attempt.started_s < limit_s:
            return ""
        if limit_s < 2 * answer_s:
            self._ended_after_s = answer_s
            return f"no answer within {answer_s:.3g} s"
        return f"slower than {PACE_FLOOR_BYTES_PER_S >> 10} KiB/s for {limit_s:.0f} s"


def bytes_moved(transport: Any) -> Moved:
    """Return the bytes that the peer acknowledged and those received from it; zeros if unknown.

    Where the kernel cannot report it, nothing ever moves, and an answer must come within the limit.
    """
    connection = transport.get_extra_info("socket")
    if connection is None or not sys.platform.startswith("linux"):
        return Moved()
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_LENGTH)
    except (OSError, ValueError):  # uvloop's sockets have no descriptor once they are closed
        return Moved()
    if len(info) < _TCP_INFO_LENGTH:
        return Moved()
    return Moved._make(_TCPI_BYTES.unpack(info))
