"""When the next put may start: the thin awaiting layer over buckets and controllers.

Decides nothing by itself: it waits for what ``Bucket``, ``RateController`` and
``InFlightController`` allow, in the order of asking. Knows no request and no block.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from bulkput.model.clock import Clock
from bulkput.model.failure import FailureClass
from bulkput.model.progress import RateLimiter
from bulkput.pace.gate import GATE_LOOK_S, Gate, OpenGate
from bulkput.pace.held_back import HeldBack, no_cpu_s
from bulkput.pace.in_flight import InFlightController
from bulkput.pace.paced_bucket import SLEEP_MIN_S, PacedBucket
from bulkput.pace.rate import RateController
from bulkput.pace.spread import Spread

_OPEN = OpenGate()


class Admission(NamedTuple):
    """Leave to start one put; given back to ``Pacer.settled`` or ``Pacer.withdraw`` once."""

    sent_s: float
    """Monotonic time at which the put was allowed to start."""


class AccountPacer:
    """The account's bucket, shared by all volumes that run in one event loop.

    The volumes take turns: each has at most one put waiting here, first come first served, so
    saturated volumes get equal shares and what one leaves goes to the others.
    """

    def __init__(
        self, ceiling_puts_per_s: float, limiter: RateLimiter = RateLimiter.ACCOUNT_QUOTA
    ) -> None:
        """Start at the ceiling, which ``limiter`` is: the account's quota, or configured."""
        self._paced = PacedBucket(ceiling_puts_per_s, limiter, RateLimiter.ACCOUNT_THROTTLES)
        self._turn = asyncio.Lock()
        self.started = 0
        """Calls so far, of all volumes here."""

    @property
    def rate_puts_per_s(self) -> float:
        """The rate that all volumes together may send at now."""
        return self._paced.rate_puts_per_s

    def held_s(self, now_s: float) -> float:
        """Return for how long so far the next put here waited for this bucket and nothing else."""
        return self._paced.held_s(now_s)

    @property
    def controller(self) -> RateController:
        """What finds the rate."""
        return self._paced.controller

    def set_ceiling(self, now_s: float, ceiling_puts_per_s: float) -> None:
        """Change the part of the account's quota that the volumes here may use.

        Who waits already hears of it within ``LOOK_S``; 0 holds all back.
        """
        self._paced.set_ceiling(now_s, ceiling_puts_per_s)


class Pacer:
    """Admits the puts of one snapshot, in the order of asking; for one event loop."""

    def __init__(
        self,
        *,
        ceiling_puts_per_s: float,
        in_flight_max: int,
        account: AccountPacer,
        clock: Clock,
        gate: Gate = _OPEN,
        limiter: RateLimiter = RateLimiter.SNAPSHOT_QUOTA,
        cpu_s: Callable[[], float] = no_cpu_s,
    ) -> None:
        """Start at the snapshot's quota, with few puts in flight.

        Args:
            ceiling_puts_per_s: the snapshot's quota, or what the user allows.
            in_flight_max: the most puts that configuration and byte budget allow in flight.
            account: shared with the other volumes of the job.
            clock: time and sleep.
            gate: holds puts back for a time, whatever their rate.
            limiter: what the ceiling is: the quota, or the configuration.
            cpu_s: what the event loop's thread has used of a processor.
        """
        self._gate = gate
        self._paced = PacedBucket(ceiling_puts_per_s, limiter, RateLimiter.SNAPSHOT_THROTTLES)
        self._held_back = HeldBack(cpu_s)
        self._in_flight_controller = InFlightController(in_flight_max)
        self._account = account
        self._clock = clock
        self._in_flight = 0
        self._spread = Spread()
        self._started_s = float("-inf")
        self._turn = asyncio.Lock()
        self._slot_freed: asyncio.Future[None] | None = None

    @property
    def rate_puts_per_s(self) -> float:
        """The rate that this snapshot may be sent at now, the account's limit included."""
        return min(self._paced.rate_puts_per_s, self._account.rate_puts_per_s)

    @property
    def allowed_by(self) -> RateLimiter:
        """Whose limit ``rate_puts_per_s`` is."""
        snapshot, account = self._paced, self._account._paced  # noqa: SLF001 - one mechanism
        is_lower = account.rate_puts_per_s < snapshot.rate_puts_per_s
        return account.limiter if is_lower else snapshot.limiter

    @property
    def limited_by(self) -> RateLimiter | None:
        """What held puts back in the last second; None before there is one."""
        return self._held_back.verdict(self._clock.monotonic_s())

    @property
    def _slots_limiter(self) -> RateLimiter:
        is_most = self._in_flight_controller.is_at_maximum
        return RateLimiter.IN_FLIGHT_MAX if is_most else RateLimiter.LINK

    def set_ceiling(self, ceiling_puts_per_s: float, in_flight_max: int) -> None:
        """Change the part of the snapshot's quota, and of the puts in flight, that is used here."""
        self._paced.set_ceiling(self._clock.monotonic_s(), ceiling_puts_per_s)
        self._in_flight_controller.set_maximum(in_flight_max)

    def held_s(self, now_s: float) -> float:
        """Return the same of the snapshot's bucket."""
        return self._paced.held_s(now_s)

    @property
    def in_flight(self) -> int:
        """Puts admitted and not yet settled."""
        return self._in_flight

    async def admit(self) -> Admission:
        """Wait until a put may start, and count it as started.

        After cancellation nothing was counted, and the next one in the queue has the turn.
        """
        account = self._account
        ready_s = self._clock.monotonic_s()
        async with self._turn:
            if self._gate.pause_s() > 0:
                ready_s = await self._until_open()
            is_full = self._in_flight >= self._in_flight_controller.limit
            if is_full or self._spacing_left_s() > 0:
                began_s = self._clock.monotonic_s()
                await self._wait_for_slot()
                await self._keep_apart()
                ready_s = self._clock.monotonic_s()
                self._held_back.waited(self._slots_limiter, ready_s - began_s)
            began_s = self._clock.monotonic_s()
            await self._paced.wait(self._clock)
            asked_s = self._clock.monotonic_s()
            self._held_back.waited(self._paced.limiter, asked_s - began_s)
            async with account._turn:  # noqa: SLF001 - both classes are one mechanism
                await account._paced.wait(self._clock)  # noqa: SLF001 - as above
                while self._gate.pause_s() > 0:  # closed meanwhile
                    await self._until_open()
                    await account._paced.wait(self._clock)  # noqa: SLF001 - as above
                # No await from here on: all that was waited for still holds, since only the
                # holder of a turn takes from its bucket.
                now_s = self._clock.monotonic_s()
                self._held_back.waited(account._paced.limiter, now_s - asked_s)  # noqa: SLF001 - as above
                planned_s = self._paced.bucket.planned_s(now_s, ready_s)
                self._paced.bucket.take(now_s, ready_s)
                account._paced.bucket.take(now_s, planned_s)  # noqa: SLF001 - as above
                account.started += 1
                self._in_flight += 1
                self._in_flight_controller.on_start(now_s, self._in_flight)
                self._started_s = now_s
                return Admission(now_s)

    def settled(self, admission: Admission, failure: FailureClass | None) -> None:
        """Learn how an admitted put ended, and give its slot to the next.

        Args:
            admission: what ``admit`` returned.
            failure: None for an acknowledged put.
        """
        now_s = self._clock.monotonic_s()
        sent_s = admission.sent_s
        self._free_slot(now_s)
        if failure is None:
            self._paced.on_ack(now_s, sent_s)
            self._account._paced.on_ack(now_s, sent_s)  # noqa: SLF001 - one mechanism
            self._in_flight_controller.on_ack(now_s, sent_s)
            self._spread.on_ack(now_s - sent_s)
        elif failure is FailureClass.THROTTLED_SNAPSHOT:
            self._paced.on_throttle(now_s, sent_s)
        elif failure is FailureClass.THROTTLED_ACCOUNT:
            self._account._paced.on_throttle(now_s, sent_s)  # noqa: SLF001 - as above
        elif failure is FailureClass.STALLED:
            self._in_flight_controller.on_stall(now_s, sent_s)
        else:
            self._in_flight_controller.on_failure(now_s, sent_s)

    def withdraw(self, admission: Admission) -> None:  # noqa: ARG002 - proof of an admission
        """Give back the slot of a put that was cancelled: it says nothing about the service."""
        self._free_slot(self._clock.monotonic_s())

    def _free_slot(self, now_s: float) -> None:
        self._in_flight -= 1
        self._in_flight_controller.on_release(now_s, self._in_flight)
        waiter = self._slot_freed
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _until_open(self) -> float:
        """Wait for the gate, and return the time."""
        while (pause_s := self._gate.pause_s()) > 0:
            began_s = self._clock.monotonic_s()
            await self._clock.sleep(min(pause_s, GATE_LOOK_S))
            self._held_back.waited(RateLimiter.WINDOW, self._clock.monotonic_s() - began_s)
        return self._clock.monotonic_s()

    async def _wait_for_slot(self) -> None:
        while self._in_flight >= self._in_flight_controller.limit:
            # Only the holder of the turn waits here, and looks again when it wakes: a wake-up
            # that a cancelled holder leaves unused is not needed by the next one.
            self._slot_freed = asyncio.get_running_loop().create_future()
            try:
                await self._slot_freed
            finally:
                self._slot_freed = None

    async def _keep_apart(self) -> None:
        """Wait until the next put does not start together with the last one."""
        while (delay_s := self._spacing_left_s()) > 0:
            await self._clock.sleep(max(delay_s, SLEEP_MIN_S))

    def _spacing_left_s(self) -> float:
        """Return how long the next put has to wait for that; nothing if none is under way."""
        if not self._in_flight:
            return 0.0
        spacing_s = self._spread.spacing_s(self._in_flight_controller.limit)
        return self._started_s + spacing_s - self._clock.monotonic_s() if spacing_s else 0.0
