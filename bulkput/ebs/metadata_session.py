"""What carries requests to metadata services: directly, bounded, and nowhere else.

aiobotocore's own session follows redirects and reads answers without end. Stands in its place in
the fetchers of the instance's and the container's metadata, and raises what those repeat.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

from bulkput.ebs.bounded_responses import bounded_connector
from bulkput.network.late_trust import aiohttp

ANSWER_LIMIT_BYTES = 256 << 10
"""A set of credentials has 2 KiB, the largest session tokens make it 20."""

_TIMEOUT_S = 2.0
"""botocore's own: 1 s for the instance's, 2 s for the container's."""


class MetadataResponse(NamedTuple):
    """One answer, in the form in which aiobotocore asks for it."""

    url: str
    status_code: int
    body: bytes

    @property
    def content(self) -> Awaitable[bytes]:
        """The body, to be awaited."""
        return self._content()

    @property
    def text(self) -> Awaitable[str]:
        """The body as text, to be awaited."""
        return self._text()

    async def _content(self) -> bytes:
        return self.body

    async def _text(self) -> str:
        return self.body.decode("utf-8", "replace")


class MetadataSession:
    """Sends single requests; nothing stays open between them."""

    def __init__(self, replaced: Any, *, is_silent: bool = False) -> None:
        """Take the timeout of the session in whose place it stands.

        Args:
            replaced: That session.
            is_silent: A token was asked for a moment ago, and there was no answer: not again.
        """
        self._is_silent = is_silent
        given = getattr(getattr(replaced, "_timeout", None), "sock_read", None)
        self._timeout_s = float(given or _TIMEOUT_S)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Self]:
        """Give itself."""
        yield self

    async def send(self, request: Any) -> MetadataResponse:
        """Send one request, once; a redirect is an answer like any other.

        Raises:
            botocore.exceptions.HTTPClientError: there was no answer, or no bounded one.
        """
        from botocore.exceptions import (  # noqa: PLC0415 - loaded by now
            ConnectionClosedError,
            EndpointConnectionError,
            ReadTimeoutError,
        )

        url = str(request.url)
        if self._is_silent and request.method == "PUT":
            raise ReadTimeoutError(endpoint_url=url, error="silent a moment ago")
        headers = {name: _text(value) for name, value in request.headers.items()}
        try:
            return await ask_metadata(request.method, url, headers, timeout_s=self._timeout_s)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except aiohttp.ClientConnectorError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ConnectionClosedError(endpoint_url=url, error=error) from error


async def ask_metadata(
    method: str, url: str, headers: Mapping[str, str], *, timeout_s: float
) -> MetadataResponse:
    """Send one request, once, and return the answer; a redirect is one like any other.

    Args:
        method: ``GET`` or ``PUT``.
        url: Whom to ask.
        headers: Of the request.
        timeout_s: For the connection, and for each read.

    Raises:
        TimeoutError, aiohttp.ClientError, OSError, ValueError: there was no bounded answer.
    """
    # Twice: the fetchers' limit is one of each read.
    whole = aiohttp.ClientTimeout(total=2 * timeout_s, sock_connect=timeout_s, sock_read=timeout_s)
    async with (
        aiohttp.ClientSession(
            connector=bounded_connector(),
            timeout=whole,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        session.request(method, url, headers=headers, allow_redirects=False) as answer,
    ):
        return MetadataResponse(url, answer.status, await _bounded(answer))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT_BYTES:
            raise ValueError(f"an answer of more than {ANSWER_LIMIT_BYTES >> 10} KiB")
    return bytes(body)
