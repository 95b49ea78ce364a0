"""The service, opened where it is configured to be: for commands that have no job."""

import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.config.tuning import TuningSettings
from bulkput.ebs.credentials import CredentialSource, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import Service, open_service
from bulkput.jobs.process.embedded_server import EmbeddedServer, embedded_server
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.ledger.folder import default_state_dir
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.pipeline.retry import Retrier

_CALL_LIMIT_S = 60.0
"""For one call with all its repeats, where the user gives no operation_deadline: somebody waits
for the answer, and may ask again."""

_EMBEDDED_REGION = "us-east-1"
"""The embedded server takes any; a rehearsal needs no AWS configuration."""

Note = Callable[[str], None]
"""Reports one sentence to the user."""


def state_dir_of(settings: ServiceSettings) -> Path:
    """Return the state folder; it may not exist."""
    return settings.state_dir or default_state_dir(os.environ)


def deadlines_of(tuning: TuningSettings) -> Deadlines:
    """Return the limits of an attempt."""
    return Deadlines(
        connect_s=tuning.connect_deadline_s,
        no_progress_s=tuning.no_progress_deadline_s,
        attempt_s=tuning.attempt_deadline_s,
    )


@contextlib.asynccontextmanager
async def open_snapshots(settings: ServiceSettings, note: Note) -> AsyncIterator[Snapshots]:
    """Open the service that ``settings`` name for calls about snapshots, and close it at the end.

    Args:
        settings: Where.
        note: Reports repeated calls.

    Raises:
        BulkputError: as ``open_connection``.
    """

    def on_retry(error: ServiceError, delay_s: float) -> None:
        note(f"{error.occurrence}; trying again in {delay_s:.1f} s")

    tuning = settings.tuning
    async with open_connection(settings, deadlines=deadlines_of(tuning)) as service:
        is_given = "operation_deadline_s" in tuning.model_fields_set
        retrier = Retrier(
            clock=service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            recovery=service,
            deadline_s=tuning.operation_deadline_s if is_given else _CALL_LIMIT_S,
        )
        yield Snapshots(service.control, retrier, on_retry, lambda: service.clock_offset_s)


@contextlib.asynccontextmanager
async def embedded_where_asked(
    settings: ServiceSettings, running: EmbeddedServer | None = None
) -> AsyncIterator[EmbeddedServer | None]:
    """Start the embedded server if ``settings`` ask for it; ``running`` is taken where it is given.

    Raises:
        TemporaryError: it does not start.
    """
    if settings.endpoint != "embedded" or running is not None:
        yield running if settings.endpoint == "embedded" else None
        return
    async with embedded_server(state_dir_of(settings) / "embedded") as server:
        yield server


@contextlib.asynccontextmanager
async def open_connection(
    settings: ServiceSettings,
    *,
    connections_max: int = 1,
    deadlines: Deadlines | None = None,
    server: EmbeddedServer | None = None,
    credentials: CredentialSource | None = None,
) -> AsyncIterator[Service]:
    """Open both planes at the endpoint of ``settings``, and close them at the end.

    Args:
        settings: Where.
        connections_max: Puts and gets that may be under way at once.
        deadlines: Limits of an attempt.
        server: The embedded one, where it runs already.
        credentials: Instead of the server's and those of the AWS chain.

    Raises:
        ConfigError: there is no Region, or no such profile or endpoint.
        CredentialsError: there are none.
        TemporaryError: the embedded server does not start.
    """
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded_where_asked(settings, server))
        region = settings.region
        if server is not None:
            region = region or _EMBEDDED_REGION
            credentials = credentials or StaticCredentials(server.credentials)
        yield await stack.enter_async_context(
            open_service(
                region=region,
                profile=settings.profile,
                endpoint_url=settings.endpoint_url if server is None else server.url,
                allow_insecure_http=settings.allow_insecure_http,
                clock=LoopClock(),
                connections_max=connections_max,
                deadlines=deadlines,
                credentials=credentials,
            )
        )
