"""The account as the publishing room reaches it: clients, the layer that repeats, and notes."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bulkput.config.service import ServiceSettings
from bulkput.ebs.account_calls import AccountCalls
from bulkput.jobs.session.connection import Note, open_connection
from bulkput.jobs.session.context import JobContext
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.pipeline.retry import OnRetry, Retrier
from bulkput.publish.account import Question

T = TypeVar("T")


@dataclass(frozen=True)
class JobAccount:
    """One account, opened; fulfils ``bulkput.publish.account.Account``."""

    region: str
    calls: AccountCalls
    retrier: Retrier
    on_retry: OnRetry
    wait_limit_s: float
    on_note: Callable[[str], None]
    settled_s: float = 0.0
    answers: dict[Question, dict[str, Any] | None] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        return self.retrier.clock

    async def call(
        self, operation: str, parameters: Mapping[str, Any], *, region: str, service: str = "ec2"
    ) -> dict[str, Any]:
        return await self.calls.call(operation, parameters, region=region, service=service)

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await self.retrier.run(attempt, self.on_retry)

    def note(self, text: str) -> None:
        self.on_note(text)


def account_of(
    context: JobContext,
    label: str,
    retrier: Retrier,
    note: Callable[[str], None],
    *,
    settled_s: float = 0.0,
) -> JobAccount:
    """Return the account of a job, for a volume or an image.

    Args:
        context: The job's.
        label: Of the volume or image, for notes.
        retrier: Its layer that repeats.
        note: Reports one sentence to the user.
        settled_s: When EC2's lists show whatever an earlier run can have made; 0 if there was none.
    """
    return JobAccount(
        region=context.service.region,
        calls=AccountCalls(context.service),
        retrier=retrier,
        on_retry=context.on_call_retry(label),
        wait_limit_s=context.settings.tuning.completion_deadline_s,
        on_note=note,
        settled_s=settled_s,
    )


@asynccontextmanager
async def open_account(settings: ServiceSettings, note: Note) -> AsyncIterator[JobAccount]:
    """Open the account that ``settings`` name, for a verb without a job.

    Args:
        settings: Where.
        note: Reports repeated calls, and what the user should know.

    Raises:
        BulkputError: the service cannot be opened.
    """

    def on_retry(error: ServiceError, delay_s: float) -> None:
        note(f"{error.occurrence}; trying again in {delay_s:.1f} s")

    async with open_connection(settings) as service:
        yield JobAccount(
            region=service.region,
            calls=AccountCalls(service),
            retrier=Retrier(
                clock=service.clock,
                random=random.Random(),  # noqa: S311 - jitter, nothing secret
                recovery=service,
                deadline_s=settings.tuning.operation_deadline_s,
            ),
            on_retry=on_retry,
            wait_limit_s=settings.tuning.completion_deadline_s,
            on_note=note,
        )
