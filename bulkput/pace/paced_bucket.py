"""A bucket whose rate is found, or changed: the wait for it ends when another rate is in force.

Owns the sleep. Knows no put, and not who has the turn: one at a time waits.
"""

import asyncio
import math
from contextlib import suppress

from bulkput.model.clock import Clock
from bulkput.model.progress import RateLimiter
from bulkput.pace.bucket import Bucket
from bulkput.pace.rate import RateController

SLEEP_MIN_S = 0.001
"""uvloop rounds timers to whole milliseconds, and less than half of one to none at all: a shorter
sleep would spin. The bucket's burst makes up for the wait."""

LOOK_S = 0.25
"""So soon another rate counts: a wait up to so long is slept through, as most are, and a longer one
is ended by a change of the rate."""

RATE_STEP_SHARE = 0.001
"""A change of the rate below 0.1% is not worth setting the bucket for every put."""


class PacedBucket:
    """A bucket that follows its controller."""

    def __init__(
        self, ceiling_puts_per_s: float, limiter: RateLimiter, if_lowered: RateLimiter
    ) -> None:
        self.controller = RateController(ceiling_puts_per_s)
        self._limiter = limiter
        self._if_lowered = if_lowered
        self.bucket = Bucket(self.controller.rate_puts_per_s)
        self._is_held = False
        self._held_s = 0.0
        self._waits_since_s: float | None = None
        self._changed: asyncio.Future[None] | None = None
        """Of who waits for long: only one does, who has the turn."""

    @property
    def rate_puts_per_s(self) -> float:
        """The rate to send at now; 0 while nothing may start."""
        return 0.0 if self._is_held else self.controller.rate_puts_per_s

    async def wait(self, clock: Clock) -> None:
        """Wait until the next may start, at whatever rate is in force by then."""
        began_s = clock.monotonic_s()
        delay_s = self._delay_s(began_s)
        if delay_s <= 0:
            return
        self._waits_since_s = began_s
        try:
            while delay_s > 0:
                if delay_s > LOOK_S:
                    await self._until_changed(delay_s)
                else:
                    await clock.sleep(max(delay_s, SLEEP_MIN_S))
                delay_s = self._delay_s(clock.monotonic_s())
        finally:
            self._waits_since_s = None
            self._held_s += clock.monotonic_s() - began_s

    def held_s(self, now_s: float) -> float:
        """Return for how long so far the next call waited for this; one that waits counts too."""
        waiting_s = 0.0 if self._waits_since_s is None else now_s - self._waits_since_s
        return self._held_s + waiting_s

    @property
    def limiter(self) -> RateLimiter:
        """Whose limit the rate is."""
        return self._if_lowered if self.controller.is_lowered else self._limiter

    def on_ack(self, now_s: float, sent_s: float) -> None:
        self.controller.on_ack(now_s, sent_s)
        self._follow(now_s)

    def on_throttle(self, now_s: float, sent_s: float) -> None:
        self.controller.on_throttle(now_s, sent_s)
        self._follow(now_s)

    def set_ceiling(self, now_s: float, ceiling_puts_per_s: float) -> None:
        """Change the ceiling; at 0 nothing starts, and what was found stays as it is."""
        was_held, self._is_held = self._is_held, ceiling_puts_per_s <= 0
        if not self._is_held:
            self.controller.set_ceiling(ceiling_puts_per_s)
            self._follow(now_s)
        if was_held is not self._is_held:
            self._wake()

    def _follow(self, now_s: float) -> None:
        rate = self.controller.rate_puts_per_s
        in_force = self.bucket.rate_puts_per_s
        if rate != in_force and abs(rate - in_force) >= RATE_STEP_SHARE * in_force:
            self.bucket.set_rate(now_s, rate)
            self._wake()

    def _delay_s(self, now_s: float) -> float:
        """Return how long to wait at the rate in force; 0 if the next may start."""
        return math.inf if self._is_held else self.bucket.earliest_s(now_s) - now_s

    async def _until_changed(self, limit_s: float) -> None:
        """Wait until another rate is in force, or for ``limit_s``."""
        self._changed = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._is_held else limit_s):
                await self._changed

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
