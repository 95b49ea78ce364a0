"""The service for commands that move no blocks: a few calls, each repeated as the table says."""

import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import Service, open_service
from bulkput.ebs.snapshot import FoundSnapshot, SnapshotState
from bulkput.jobs.process.embedded_server import EmbeddedServer, embedded_server
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.pipeline.retry import Retrier

_CALL_LIMIT_S = 60.0
"""For one call with all its repeats: somebody waits for the answer, and may ask again."""

Note = Callable[[str], None]
"""Tells the user one sentence."""


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


class Calls:
    """EC2's calls about snapshots."""

    def __init__(self, service: Service, note: Note) -> None:
        self._control = service.control
        self._note = note
        self.clock = service.clock
        self._retrier = Retrier(
            clock=service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            recovery=service,
            deadline_s=_CALL_LIMIT_S,
        )

    async def describe(self, snapshot_id: str) -> SnapshotState | None:
        """Return what EC2 says of a snapshot; None if it does not know it.

        Raises:
            BulkputError: there is no answer.
        """
        call = partial(self._control.describe_snapshot, snapshot_id)
        return await self._retrier.run(call, self._on_retry)

    async def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot; one that is gone is no error.

        Raises:
            BulkputError: it was refused.
        """
        call = partial(self._control.delete_snapshot, snapshot_id)
        await self._retrier.run(call, self._on_retry)

    async def list_pending_tagged(self) -> list[FoundSnapshot]:
        """Return the account's pending snapshots that carry the mark; at most 100 can exist.

        Raises:
            BulkputError: there is no answer.
        """
        found: list[FoundSnapshot] = []
        page_token: str | None = None
        while True:
            call = partial(self._control.pending_snapshots_page, OWNER_TAG_KEY, page_token)
            page = await self._retrier.run(call, self._on_retry)
            found += page.snapshots
            page_token = page.next_token
            if page_token is None:
                return found

    def _on_retry(self, error: ServiceError, delay_s: float) -> None:
        self._note(f"{error.occurrence}; trying again in {delay_s:.1f} s")


@contextlib.asynccontextmanager
async def open_calls(address: Address, note: Note) -> AsyncIterator[Calls]:
    """Open the service that ``address`` names, and close it at the end.

    Raises:
        BulkputError: as ``open_addressed``.
    """
    async with open_addressed(address) as service:
        yield Calls(service, note)


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
