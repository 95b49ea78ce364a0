"""What carries requests to metadata services: directly, bounded, and nowhere else.

aiobotocore's own session follows redirects and reads answers without end. Stands in its place in
the fetchers of the instance's and the container's metadata, and raises what those repeat.
"""

from collections.abc import AsyncIterator, Awaitable
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

    def __init__(self, replaced: Any) -> None:
        """Take the timeout of the session in whose place it stands."""
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
        # Twice: the fetchers' limit is one of each read.
        whole = aiohttp.ClientTimeout(
            total=2 * self._timeout_s,
            sock_connect=self._timeout_s,
            sock_read=self._timeout_s,
        )
        headers = {name: _text(value) for name, value in request.headers.items()}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=bounded_connector(),
                    timeout=whole,
                    trust_env=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.request(
                    request.method, url, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = await _bounded(answer)
                status = answer.status
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except aiohttp.ClientConnectorError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ConnectionClosedError(endpoint_url=url, error=error) from error
        return MetadataResponse(url, status, body)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT_BYTES:
            raise ValueError(f"an answer of more than {ANSWER_LIMIT_BYTES >> 10} KiB")
    return bytes(body)
