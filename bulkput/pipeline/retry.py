"""The one layer that repeats calls of the service: awaits what the policy decides.

Owns no table and no delay; ``bulkput.pace.retry`` decides. Retries never nest.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pace.gate import CallGate
from bulkput.pace.retry import decide

T = TypeVar("T")


class Recovery(Protocol):
    """Mends what a failure points at, before the call is repeated."""

    async def recover(self, error: ServiceError) -> None:
        """Refresh credentials, adopt the server's clock; nothing for other failures."""
        ...


OnRetry = Callable[[ServiceError, float], None]
"""Called for every repeated call: the error and the delay in seconds; may raise to stop it."""


def _never_queued() -> float:
    return 0.0


@dataclass(repr=False, eq=False)
class Retrier:
    """Repeats failed calls of one snapshot; every call has one deadline for all its attempts."""

    clock: Clock
    random: random.Random
    recovery: Recovery
    deadline_s: float
    """For one call with all its attempts and delays; what it waits for its turn is not counted."""
    snapshot_started_s: float = field(default=float("-inf"))
    """Monotonic time of the snapshot's start, for the 404 of eventual consistency."""

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        on_retry: OnRetry,
        queued_s: Callable[[], float] = _never_queued,
    ) -> T:
        """Return the result of the first ``call`` that succeeds.

        Args:
            call: Makes one attempt.
            on_retry: Called for every repetition.
            queued_s: How long the attempts have waited for their turn by now, in all.

        Raises:
            ServiceError: final, with the number of attempts; or temporary, past the deadline.
        """
        started_s = self.clock.monotonic_s()
        attempts: Counter[FailureClass] = Counter()
        refused: ServiceError | None = None
        while True:
            try:
                if refused is not None:
                    await self.recovery.recover(refused)
                    refused = None
                return await call()
            except ServiceError as error:
                attempts[error.failure] += 1
                error.attempts = attempts.total()
                began_s = started_s + queued_s()
                delay_s = self._delay_s(error, attempts[error.failure], began_s)
                if delay_s is None:
                    raise
                on_retry(error, delay_s)
                refused = refused or error  # until it is mended, the call would be refused again
                await self.clock.sleep(delay_s)

    async def run_gated(
        self, gate: CallGate, call: Callable[[], Awaitable[T]], on_retry: OnRetry
    ) -> T:
        """As ``run``; each attempt waits at ``gate``, which does not count against the deadline."""
        queued_s = 0.0

        async def attempt() -> T:
            nonlocal queued_s
            queued_s += await gate.admit()
            return await call()

        return await self.run(attempt, on_retry, lambda: queued_s)

    def _delay_s(self, error: ServiceError, attempts: int, began_s: float) -> float | None:
        """Return the delay, counting only attempts that failed in this way; None to give up."""
        now_s = self.clock.monotonic_s()
        is_young = error.failure is FailureClass.NOT_YET_VISIBLE
        since_s = self.snapshot_started_s if is_young else began_s
        delay_s = decide(error.failure, attempts, now_s - since_s, self.random)
        if delay_s is None or now_s + delay_s > began_s + self.deadline_s:
            return None
        return delay_s
