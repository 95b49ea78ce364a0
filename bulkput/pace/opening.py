"""The first puts of a snapshot: slots are added until there are enough, or puts begin to queue.

Pure: latencies come in, a limit comes out. TCP's slow start, with HyStart's way to end it: latency
that grows is a queue, and a queue is on the narrowest link of the way.
"""

import math

FIRST_PUTS = 2
"""1 MiB at once: a link of 100 kB/s is busy with it for ten seconds, and nobody takes that for a
stall. To ``OPENED_PUTS`` it takes two latencies, 50 puts less in all than if those were there at
once."""

OPENING_STEP_PUTS = 3
"""Added by each acknowledgement: there are four times as many after each latency."""

OPENED_PUTS = 32
"""320 puts/s at 100 ms, 16 MiB of bodies, and two doublings from there to 1000 puts/s. With 64, a
quota of 400/s that is not configured refused 100 to 145 puts in the first second, with 32 it was
24 to 62 (emulator over TLS)."""

QUEUE_FACTOR = 1.5
QUEUE_MIN_S = 0.1
"""More than the least latency, and so much more in seconds, for a put to have waited in a queue
that further slots would only make longer (TCP's HyStart, RFC 9406, takes an eighth and at least
4 ms of a round trip; the latency of puts varies by half of it)."""

SLOW_PUT_S = 5.0
"""Fifty times what a put takes: with more in flight each body would arrive more slowly, and one
that arrives too slowly is refused (`Failed to read block data`; the emulator waits 30 s)."""

QUEUED_ACKS = 3
"""In a row: one slow answer is the service's."""


class Opening:
    """The limit of puts in flight while it is being opened."""

    def __init__(self, limit: int, maximum: int) -> None:
        """Begin with ``limit`` slots of ``maximum``."""
        self.limit = limit
        self.is_over = False
        self.is_queued = False
        """Puts waited for each other: fewer may do as well."""
        self._target = min(OPENED_PUTS, maximum)
        self._least_latency_s = dict.fromkeys((False, True), float("inf"))
        """Of all puts, and of those that made a connection."""
        self._queued_acks = 0

    def on_ack(self, latency_s: float, *, is_fresh: bool) -> None:
        """Learn how long a put took.

        One that makes its connection first takes longer for that alone: it is compared with others
        that did, and any other put with all.
        """
        least_s = self._least_latency_s[is_fresh]
        self._least_latency_s[False] = min(self._least_latency_s[False], latency_s)
        if is_fresh:
            self._least_latency_s[True] = min(least_s, latency_s)
        is_late = latency_s > max(QUEUE_FACTOR * least_s, least_s + QUEUE_MIN_S)
        self._queued_acks = self._queued_acks + 1 if is_late else 0
        if self._queued_acks >= QUEUED_ACKS or latency_s > SLOW_PUT_S:
            # Rounded up: a part of a put too few leaves the link idle, and one too many waits.
            self.limit = max(1, math.ceil(self.limit * min(1.0, least_s / latency_s)))
            self.is_over = self.is_queued = True
            return
        self.limit = max(self.limit, min(self._target, self.limit + OPENING_STEP_PUTS))
        self.is_over = self.limit >= self._target
