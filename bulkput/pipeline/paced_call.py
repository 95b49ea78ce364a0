"""The way of one call on a snapshot, be it a put or a get: paced, counted, and repeated."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bulkput.ebs.classify import THROTTLES
from bulkput.model.errors import ServiceError
from bulkput.model.progress import CallCounts, Progress
from bulkput.pace.pacer import Admission, Pacer
from bulkput.pipeline.retry import OnRetry, Retrier

T = TypeVar("T")


async def _nothing() -> None:
    pass


class PacedCall:
    """Makes calls of one kind on one snapshot until each succeeds or has finally failed."""

    def __init__(
        self, *, pacer: Pacer, retrier: Retrier, progress: Progress, counts: CallCounts
    ) -> None:
        self.pacer = pacer
        """When its attempts may start."""
        self._retrier = retrier
        self._progress = progress
        self._counts = counts

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        on_retry: OnRetry,
        prepare: Callable[[], Awaitable[None]] = _nothing,
    ) -> T:
        """Return the result of the first attempt that succeeds.

        From the outside in: *retry*, *prepare*, *pace* (waits for rate and slot), and one
        attempt. So every attempt is paced, and no wrapper sees a retry of another. A slow pace is
        no failure: what an attempt waits for its turn does not count against the deadline, which
        a queue may be longer than.

        Raises:
            BulkputError: the call has finally failed.
        """
        clock = self._retrier.clock
        queued_s = 0.0

        async def paced() -> T:
            nonlocal queued_s
            asked_s = clock.monotonic_s()
            await prepare()
            admission = await self.pacer.admit()
            queued_s += clock.monotonic_s() - asked_s
            return await self._counted(admission, attempt)

        def repeated(error: ServiceError, delay_s: float) -> None:
            self._counts.retried += 1
            on_retry(error, delay_s)

        return await self._retrier.run(paced, repeated, lambda: queued_s)

    async def _counted(self, admission: Admission, attempt: Callable[[], Awaitable[T]]) -> T:
        progress = self._progress
        self._counts.attempted += 1
        progress.in_flight += 1
        progress.allowed_per_s = self.pacer.rate_puts_per_s + progress.allowed_in_lanes_per_s
        progress.allowed_by = self.pacer.allowed_by
        progress.limited_by = self.pacer.limited_by
        try:
            result = await attempt()
        except ServiceError as error:
            self.pacer.settled(admission, error.failure)
            name = error.failure.name.lower()
            progress.failures[name] = progress.failures.get(name, 0) + 1
            self._counts.throttled += error.failure in THROTTLES
            raise
        except BaseException:
            self.pacer.withdraw(admission)
            raise
        finally:
            progress.in_flight -= 1
        self.pacer.settled(admission, None)
        self._counts.latencies.record(self._retrier.clock.monotonic_s() - admission.sent_s)
        return result
