"""The service, opened where somebody says it is: for commands that have no job."""

import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import Service, open_service
from bulkput.jobs.process.embedded_server import EmbeddedServer, embedded_server
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.pipeline.retry import Retrier

_CALL_LIMIT_S = 60.0
"""For one call with all its repeats: somebody waits for the answer, and may ask again."""

Note = Callable[[str], None]
"""Reports one sentence to the user."""


@dataclass(frozen=True)
class Address:
    """Which account, as somebody named it."""

    region: str | None
    profile: str | None
    endpoint: str
    """``aws``, ``embedded`` or a URL."""
    allow_insecure_http: bool
    state_dir: Path
    """Where the embedded server keeps its snapshots."""


@contextlib.asynccontextmanager
async def open_snapshots(address: Address, note: Note) -> AsyncIterator[Snapshots]:
    """Open the service that ``address`` names for calls about snapshots, and close it at the end.

    Args:
        address: Where.
        note: Reports repeated calls.

    Raises:
        BulkputError: as ``open_addressed``.
    """

    def on_retry(error: ServiceError, delay_s: float) -> None:
        note(f"{error.occurrence}; trying again in {delay_s:.1f} s")

    async with open_addressed(address) as service:
        retrier = Retrier(
            clock=service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            recovery=service,
            deadline_s=_CALL_LIMIT_S,
        )
        yield Snapshots(service.control, retrier, on_retry, lambda: service.clock_offset_s)


@contextlib.asynccontextmanager
async def open_addressed(
    address: Address,
    *,
    connections_max: int = 1,
    deadlines: Deadlines | None = None,
    server: EmbeddedServer | None = None,
) -> AsyncIterator[Service]:
    """Open both planes where ``address`` says, and close them at the end.

    Args:
        address: Where.
        connections_max: Gets that may be under way at once.
        deadlines: Limits of an attempt.
        server: The embedded one, where it runs already.

    Raises:
        ConfigError: there is no Region, or no such profile or endpoint.
        CredentialsError: there are none.
        TemporaryError: the embedded server does not start.
    """
    async with contextlib.AsyncExitStack() as stack:
        region, url, credentials = address.region, None, None
        if address.endpoint == "embedded":
            if server is None:
                root = address.state_dir / "embedded"
                server = await stack.enter_async_context(embedded_server(root))
            url, credentials = server.url, server.credentials
            region = region or "us-east-1"  # it takes any
        elif address.endpoint != "aws":
            url = address.endpoint
        yield await stack.enter_async_context(
            open_service(
                region=region,
                profile=address.profile,
                endpoint_url=url,
                allow_insecure_http=address.allow_insecure_http,
                clock=LoopClock(),
                connections_max=connections_max,
                deadlines=deadlines,
                static_credentials=credentials,
            )
        )
