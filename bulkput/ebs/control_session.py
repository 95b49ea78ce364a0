"""What carries the calls around the blocks, and aiobotocore's own: connections of ``Wire``.

aiobotocore's session follows redirects, so that a signed request and its session token go to
whatever host an answer names; it reads answers without end, and keeps interim ones without number.
``Wire`` does none of that. Here its exchange also takes aiobotocore's request and gives its
response, for the clients that the credential chain opens.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import parse_endpoint
from bulkput.ebs.error_response import error_of_answer
from bulkput.ebs.first_contact import error_of_foreign_answer
from bulkput.ebs.http1 import Wire
from bulkput.ebs.http_response import HttpResponse, WireError
from bulkput.ebs.learned import Learned
from bulkput.ebs.transport_error import error_of_outage, error_of_refusal
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.network.proxy import proxy_url
from bulkput.network.refusals import FIRST_ASKER_LIMIT_S, known_refusals

ANSWER_LIMIT_BYTES = 8 << 20
"""A page of 10,000 blocks whose tokens are as long as the model allows has 6 MiB."""

_CONNECTIONS_MAX = 16
"""Volumes that list or poll at once; the quotas allow 50 lists and 10 starts a second."""

_OWN_HEADERS = frozenset({"host", "content-length"})
"""Those that ``Wire`` sends by itself."""

FindTls = Callable[[], Awaitable[ssl.SSLContext]]


class ControlRequest(NamedTuple):
    """One request, all its headers but Host and Content-Length."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class UnansweredError(Exception):
    """A request without an answer that can be read."""

    def __init__(self, outage: BulkputError) -> None:
        self.outage = outage
        super().__init__(outage.what if isinstance(outage, ServiceError) else str(outage))

    def of(self, operation: str, snapshot_id: str | None) -> BulkputError:
        """Return what to raise, of a call whose name is known now."""
        if isinstance(self.outage, ServiceError):
            self.outage.operation = operation
            self.outage.snapshot_id = snapshot_id
        return self.outage


class ControlResponse:
    """One answer, in the form in which aiobotocore asks for it."""

    def __init__(self, url: str, answer: HttpResponse) -> None:
        self.url = url
        self.status_code = answer.status
        self.headers = {
            name.lower(): value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            for name, value in answer.headers.items()
        }
        # A refusal is known by its status and headers too; JSON of another form breaks a parser.
        is_parsable = answer.status < 300 or not _is_other_json(answer.body)
        self._body = answer.body if is_parsable else b""
        self.raw = self

    @property
    def content(self) -> Awaitable[bytes]:
        """The body, to be awaited."""
        return self.read()

    async def read(self) -> bytes:
        """Return the body."""
        return self._body


class ControlSession:
    """Connections to the hosts that calls go to; an async context manager."""

    def __init__(self, find_tls: FindTls, deadlines: Deadlines, learned: Learned) -> None:
        self._find_tls = find_tls
        self._deadlines = deadlines
        self._learned = learned
        self._wires: dict[str, Wire] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._first = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._wires.clear()
        await self._stack.aclose()

    async def close(self) -> None:
        """Close all connections; idempotent."""
        await self.__aexit__()

    async def send(self, request: Any) -> ControlResponse:
        """Send one request of aiobotocore, once.

        Raises:
            UnansweredError: there is no answer, or one that is longer than any can be.
        """
        body = request.body or b""
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
            if name.lower() not in _OWN_HEADERS
        }
        content = body.encode() if isinstance(body, str) else body
        answer = await self.exchange(ControlRequest(request.method, request.url, headers, content))
        self._learned.note_answer(urlsplit(request.url).netloc)
        return ControlResponse(request.url, answer)

    async def exchange(self, request: ControlRequest) -> HttpResponse:
        """Send one request, once, and return its answer, which is no redirect.

        Raises:
            UnansweredError: there is no answer, or one that is longer than any can be.
        """
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        async with self._alone_at_first(origin):
            refused = known_refusals.status_of(origin)
            if refused is not None:  # asked again and again, a proxy locks the account
                raise UnansweredError(error_of_refusal("", refused, url=origin))
            return await self._exchange(origin, request)

    @asynccontextmanager
    async def _alone_at_first(self, origin: str) -> AsyncIterator[None]:
        """Let one call alone ask a proxy for a way that it has not yet opened."""
        if known_refusals.is_open(origin):
            yield
            return
        async with AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ASKER_LIMIT_S):
                    await stack.enter_async_context(self._first)
            if known_refusals.is_open(origin):  # by now
                await stack.aclose()
            yield
        known_refusals.note_open(origin)  # nothing was raised

    async def _exchange(self, origin: str, request: ControlRequest) -> HttpResponse:
        parts = urlsplit(request.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        lines = ["Accept-Encoding: identity\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        if not request.body and request.method != "GET":
            lines.append("Content-Length: 0\r\n")
        is_first = not self._learned.has_answered(parts.netloc)
        wire = await self._wire(origin)
        try:
            answer = await wire.exchange(
                request.method,
                target,
                "".join(lines),
                body=memoryview(request.body) if request.body else None,
                answer_limit_bytes=ANSWER_LIMIT_BYTES,
            )
            _require_readable(answer)
        except WireError as error:
            wire.forget_addresses()
            outage = error_of_outage(
                "", error, url=origin, is_first=is_first, region=self._learned.region
            )
            raise UnansweredError(outage) from error.__cause__ or error
        if is_first:
            foreign = error_of_foreign_answer(origin, answer.status, answer.headers, answer.body)
            if foreign is not None:
                raise UnansweredError(foreign)
        if 300 <= answer.status < 400:  # no parser has a word for it
            raise UnansweredError(
                error_of_answer("", answer.status, answer.headers, answer.body, region="")
            )
        return answer

    async def _wire(self, origin: str) -> Wire:
        async with self._opening:
            found = self._wires.get(origin)
            if found is None:
                endpoint = parse_endpoint(origin, allow_insecure_http=True)  # it was checked
                wire = Wire(
                    endpoint,
                    connections_max=_CONNECTIONS_MAX,
                    deadlines=self._deadlines,
                    tls=await self._find_tls() if endpoint.is_tls else None,
                    proxy=proxy_url(endpoint.url),
                )
                found = self._wires[origin] = await self._stack.enter_async_context(wire)
            return found


def _is_other_json(body: bytes) -> bool:
    """Return whether ``body`` is JSON, but no object."""
    try:
        return not isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _require_readable(answer: HttpResponse) -> None:
    """Return if the answer can be given to a parser.

    Raises:
        WireError: it is too long, or XML with a document type, whose entities can be made to
            grow without end; EC2 sends none.
    """
    if answer.status >= 300:
        return
    if not answer.is_whole:
        raise WireError(f"an answer of more than {ANSWER_LIMIT_BYTES >> 20} MiB")
    if answer.body[:1] != b"{" and b"<!DOCTYPE" in answer.body:
        raise WireError("an answer that is a document with a DOCTYPE, as web pages are")


def control_limits(deadlines: Deadlines) -> Deadlines:
    """Return the limits of a call's exchange: ``control_s``, beside what moves (``Watch``)."""
    return Deadlines(
        connect_s=deadlines.connect_s,
        no_progress_s=deadlines.control_s,
        attempt_s=deadlines.control_s,
        control_s=deadlines.control_s,
    )


def control_session_class(
    find_tls: FindTls, deadlines: Deadlines, learned: Learned
) -> type[ControlSession]:
    """Return the class of sessions for the configuration of aiobotocore's clients.

    Args:
        find_tls: Whom to trust; asked before the first https connection.
        deadlines: ``control_s`` bounds an exchange beside what moves, ``connect_s`` its connecting.
        learned: What the run knows of the service.
    """
    limits = control_limits(deadlines)

    class BotocoreSession(ControlSession):
        def __init__(self, **_: Any) -> None:
            """Take nothing of what aiobotocore passes: it is all known better here."""
            super().__init__(find_tls, limits, learned)

    return BotocoreSession
