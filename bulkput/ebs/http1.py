"""One request and its answer on an aiohttp connection, without a copy of the body in Python.

aiohttp keeps the connections (pool, TLS, names, proxies) and parses the answers. Its
``ClientSession`` is left out on purpose:

- it repeats a PUT by itself after a dropped connection (issue 10790), unseen by rates and counts;
- on Python before 3.12.9 and 3.13.2, and on uvloop, it joins headers and body: a copy of 512 KiB;
- it makes and merges URL, headers, timers, cookies and a task anew for every request: 90 to 120 us
  of Python a put, a quarter of all that a put costs over plain http (measured, 3.14, Python 3.11).

Knows neither signatures nor what an answer means. What it uses of aiohttp beyond the documented
(``Connection.protocol`` and its ``set_response_params`` and ``read``, the connector's ``_factory``)
is tested for by name.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from yarl import URL

from bulkput.ebs.bounded_responses import bounded_connector
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import Endpoint
from bulkput.ebs.http_response import HttpResponse, WireError, receive_response
from bulkput.ebs.stall_watchdog import Attempt, Watch
from bulkput.network.late_trust import aiohttp
from bulkput.network.proxy import Proxy, without_credentials

_KEEPALIVE_S = 20.0
"""How long an idle connection is kept. The service does not say when it closes one; a connection
that it closed first costs a failed attempt, one closed too early a handshake. 20 s is S3's limit,
and a job that has nothing to put for that long is not in a hurry."""

_CONNECT_EXCHANGES = 2.0
"""A connection may take as long as so many exchanges did lately: on a link that others fill, a
handshake waits behind their bytes in every one of its three round trips."""

_DNS_TTL_S = 20
"""AWS's names live 5 to 60 s and rotate their addresses; a failed attempt looks them up anew."""

_TLS_SLICE_BYTES = 256 * 1024
"""What is encrypted at a time. OpenSSL's ciphertext lies in memory until the kernel takes it: a
block at a time that was 85 MiB resident with 64 puts in flight, by 64 KiB 53 MiB. CPU seconds a
GiB with slices of 32, 64, 128 and 256 KiB: 2.83, 2.66, 2.69, 2.60 (start of 0.65 s included)."""


def _asker(proxy: Proxy | None) -> aiohttp.BasicAuth | None:
    """Return a proxy's user and password; left in its URL, aiohttp sends them in Latin-1."""
    if proxy is None or proxy.authorization is None:
        return None
    return aiohttp.BasicAuth.decode(proxy.authorization, encoding="utf-8")


class Wire:
    """Connections to one endpoint; an async context manager."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connections_max: int,
        deadlines: Deadlines,
        tls: ssl.SSLContext | None,
        proxy: str | None,
    ) -> None:
        """Keep what is needed; nothing is opened yet.

        Args:
            endpoint: Where to.
            connections_max: As many exchanges as may be under way: none waits for a connection.
            deadlines: Limits of an exchange.
            tls: Whom to trust; needed for https.
            proxy: A proxy's URL.
        """
        self._endpoint = endpoint
        self._connections_max = connections_max
        self._deadlines = deadlines
        self._tls = tls
        self._proxy = None if proxy is None else without_credentials(proxy)
        self._slice_bytes = _TLS_SLICE_BYTES if endpoint.is_tls else None
        self._connector: Any = None
        self._peer: Any = None
        self._watch: Any = None
        self._loop: Any = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        # No connection has a greatest age: one that fails is replaced, and addresses are looked up
        # anew then. Nor are TLS sessions taken up again: a connection carries thousands of puts,
        # and its handshake costs as much as a few of them.
        self._connector = bounded_connector(
            limit=self._connections_max,
            ssl=self._tls if self._tls is not None else True,
            keepalive_timeout=_KEEPALIVE_S,
            ttl_dns_cache=_DNS_TTL_S,
        )
        # Names to the connector with whom to connect, the same for every exchange.
        self._peer = aiohttp.ClientRequest(
            "PUT",
            URL(self._endpoint.url),
            loop=self._loop,
            proxy=None if self._proxy is None else URL(self._proxy.url),
            proxy_auth=_asker(self._proxy),
            headers={"Host": self._endpoint.host_header},
        )
        self._watch = Watch(
            attempt_s=self._deadlines.attempt_s, no_progress_s=self._deadlines.no_progress_s
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.close()
        await self._connector.close()

    async def exchange(
        self,
        method: str,
        target: str,
        lines: str,
        *,
        body: memoryview | None = None,
        on_sent: Callable[[], None] | None = None,
        answer_limit_bytes: int,
    ) -> HttpResponse:
        """Send one request, once, and return its answer.

        Failed or cancelled, its connection is closed at once and what it had buffered is gone.

        Args:
            method: As ``PUT``.
            target: Path and query, percent-encoded.
            lines: The headers but Host and Content-Length, each with its CRLF.
            body: Sent as it is; must not change until ``on_sent`` or the end.
            on_sent: Called when nothing refers to ``body`` any more.
            answer_limit_bytes: The rest of a longer body is not read; of a refusal still less is.

        Raises:
            WireError: there was no answer.
        """
        started_s = self._loop.time()
        connection = await self._connect()
        protocol = connection.protocol
        attempt = Attempt(
            protocol.transport, started_s, self._loop.time(), has_body=body is not None
        )
        self._watch.begin(attempt)
        is_reusable = False
        try:
            protocol.set_response_params(
                read_until_eof=True, auto_decompress=False, read_bufsize=answer_limit_bytes
            )
            is_sent = await self._send(
                protocol, self._head(method, target, lines, body), body, on_sent
            )
            answer = await receive_response(protocol, answer_limit_bytes)
            is_reusable = is_sent and answer.is_whole
            self._watch.answered(attempt)
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError) as error:
            is_stalled = bool(attempt.ended_because)
            raise WireError(attempt.ended_because, is_stalled=is_stalled) from error
        finally:
            self._watch.end(attempt)
            if is_reusable:
                connection.release()  # closes it by itself where the answer said so
            else:
                attempt.transport.abort()
                connection.close()
        return answer

    def forget_addresses(self) -> None:
        """Look the endpoint's name up anew for the next connection."""
        self._connector.clear_dns_cache()

    async def _connect(self) -> Any:
        deadlines = self._deadlines
        patience_s = min(_CONNECT_EXCHANGES * self._watch.exchange_s, deadlines.attempt_s)
        limit_s = max(deadlines.connect_s, patience_s)
        timeout = aiohttp.ClientTimeout(
            total=None,  # Watch bounds the whole, at no cost to the single exchange
            connect=limit_s,
            sock_connect=limit_s,
            sock_read=None,  # begins too late and knows too little; see Watch
        )
        try:
            return await self._connector.connect(self._peer, [], timeout)
        except TimeoutError as error:
            what = f"no connection within {limit_s:g} s"
            raise WireError(what, is_stalled=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise WireError from error

    def _head(self, method: str, target: str, lines: str, body: memoryview | None) -> bytes:
        if self._proxy is not None and not self._endpoint.is_tls:
            # A proxy for plain http is given the whole URL, and who asks.
            target = f"http://{self._endpoint.host_header}{target}"
            if authorization := self._peer.headers.get("Proxy-Authorization"):
                lines = f"{lines}Proxy-Authorization: {authorization}\r\n"
        length = "" if body is None else f"Content-Length: {body.nbytes}\r\n"
        return (
            f"{method} {target} HTTP/1.1\r\nHost: {self._endpoint.host_header}\r\n{length}{lines}"
            "\r\n"
        ).encode()

    async def _send(
        self,
        protocol: Any,
        head: bytes,
        body: memoryview | None,
        on_sent: Callable[[], None] | None,
    ) -> bool:
        """Send all, or as much as the peer takes; returns whether that was all."""
        transport = protocol.transport
        # So that "drained" means that nothing is left: by default up to 64 KiB would still be
        # referred to. (With 0, asyncio's TLS would pause and resume for nothing.)
        transport.set_write_buffer_limits(high=1)
        if body is None:
            transport.write(head)
            return True
        step = self._slice_bytes or body.nbytes
        for start in range(0, body.nbytes, step):
            if transport.is_closing():
                return False
            piece = body[start : start + step]
            if start:
                transport.write(piece)
            else:
                # In one call: alone, the head would cost a TLS record, a system call and a packet
                # of its own, 5% of a put's CPU. (uvloop joins nothing here.)
                transport.writelines((head, piece))
            if transport.get_write_buffer_size():
                # Pauses the protocol, so that there is something to wait for: ``writelines`` of
                # asyncio forgets it before 3.12.9 and 3.13.2 (CVE-2024-12254).
                transport.set_write_buffer_limits(high=1)
                # The peer may have answered, and closed, without reading to the end: then that
                # answer counts, and ``receive_response`` finds it or raises.
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    await aiohttp.http.StreamWriter(protocol, self._loop).drain()
                if transport.get_write_buffer_size():
                    return False
        if on_sent is not None:
            on_sent()
        return True
