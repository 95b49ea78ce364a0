"""When the next of few calls may start, where many processes share a rate that may change.

A process makes such a call once or twice in its life: what counts is that all of them together keep
to their rates. So nothing is saved up while nobody waits, and the wait is random, as that for the
next event of a Poisson process of the rate in force: processes that wait with rates of their own
start as many calls a second as their rates add up to, and not all at once.
"""

import asyncio
import random

from bulkput.model.clock import Clock
from bulkput.pace.gate import CallGate, OpenCallGate
from bulkput.pace.paced_bucket import LOOK_S, SLEEP_MIN_S

RARE_CALLS_PER_S = 10.0
"""StartSnapshot and CompleteSnapshot of an account, each (Service Quotas L-AFEBDF7A, L-1D4D9345,
not adjustable)."""


class SharedCallGate:
    """The part of one process; it begins at a rate of 0, which holds all calls back."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._random = rng
        self._rate_per_s = 0.0
        self._turn = asyncio.Lock()

    def set_rate(self, rate_per_s: float) -> None:
        """Change the rate, for who waits already too."""
        self._rate_per_s = rate_per_s

    async def admit(self) -> float:
        """Wait until a call may start; return how many seconds that took."""
        began_s = self._clock.monotonic_s()
        async with self._turn:
            left = self._random.expovariate(1.0)
            while left > 0:
                rate, since_s = self._rate_per_s, self._clock.monotonic_s()
                wait_s = min(LOOK_S, left / rate) if rate else LOOK_S
                await self._clock.sleep(max(wait_s, SLEEP_MIN_S))
                left -= min(rate, self._rate_per_s) * (self._clock.monotonic_s() - since_s)
        return self._clock.monotonic_s() - began_s


def gate_of_share(share: float, clock: Clock, rng: random.Random) -> CallGate:
    """Return the gate of a kind of rare calls for who has this share of the account's quotas."""
    if share >= 1:
        return OpenCallGate()
    gate = SharedCallGate(clock, rng)
    gate.set_rate(RARE_CALLS_PER_S * share)
    return gate
