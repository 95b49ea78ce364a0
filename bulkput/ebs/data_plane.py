"""Blocks on the wire: PutSnapshotBlock and GetSnapshotBlock, one attempt a call.

Owns connections, time limits and the comparison of checksums. Repeats nothing, paces nothing,
keeps no count: whoever calls decides what a failure means for the next attempt.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from base64 import b64encode
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from bulkput.ebs import outage
from bulkput.ebs.advice import advice
from bulkput.ebs.answer import BODY_LIMIT_BYTES, error_of_answer
from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import Endpoint
from bulkput.ebs.payload import BlockPayload
from bulkput.ebs.signer import Signer, encode_query
from bulkput.ebs.stall import Attempt, StallWatch
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.failure import FailureClass

_PUT = "PutSnapshotBlock"
_GET = "GetSnapshotBlock"

_KEEPALIVE_S = 20.0
"""How long an idle connection is kept. The service does not say when it closes one; 20 s is what
AWS's Java SDK and S3's clients live with, and a connection that the server closed first costs a
failed attempt, while a new one costs a handshake."""

_DNS_TTL_S = 20
"""AWS's names have a time to live of 5 to 60 s and rotate their addresses."""

_NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def _nothing() -> None:
    """Be told and do nothing."""


class DataPlane:
    """Puts and gets blocks through connections of its own; an async context manager."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        region: str,
        credentials: CredentialSource,
        clock: Clock,
        connections_max: int,
        deadlines: Deadlines,
        tls: ssl.SSLContext | None,
        proxy: str | None = None,
    ) -> None:
        """Keep what is needed; nothing is opened yet.

        Args:
            endpoint: Where to.
            region: For signatures.
            credentials: Asked again for every attempt.
            clock: For signatures.
            connections_max: As many attempts as may be under way: none waits for a connection.
            deadlines: Limits of an attempt.
            tls: Whom to trust; needed for https.
            proxy: A proxy's URL.
        """
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._connections_max = connections_max
        self._deadlines = deadlines
        self._tls = tls
        self._proxy = proxy
        self._signer = Signer(region, "ebs", endpoint.host_header)
        self._base = endpoint.url.removesuffix(endpoint.path_prefix)
        self._path = f"{endpoint.path_prefix}/snapshots/"
        self._get_timeout = aiohttp.ClientTimeout(
            total=deadlines.attempt_s,
            connect=deadlines.connect_s,
            sock_connect=deadlines.connect_s,
            sock_read=deadlines.no_progress_s,  # nothing is sent, so it knows all there is
        )
        self._session: Any = None
        self._connector: Any = None
        self._watch: Any = None

    async def __aenter__(self) -> Self:
        self._connector = aiohttp.TCPConnector(
            limit=self._connections_max,
            ssl=self._tls if self._tls is not None else True,
            keepalive_timeout=_KEEPALIVE_S,
            ttl_dns_cache=_DNS_TTL_S,
        )
        deadlines = self._deadlines
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NO_AUTO_HEADERS,
            proxy=self._proxy,
            trust_env=False,  # it would hop to a thread for every request; see trust.proxy_url
            timeout=aiohttp.ClientTimeout(
                total=deadlines.attempt_s,
                connect=deadlines.connect_s,
                sock_connect=deadlines.connect_s,
                sock_read=None,  # begins too late and knows too little; see StallWatch
            ),
        )
        forbid_repeats(self._session)
        self._watch = StallWatch(deadlines.no_progress_s)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.close()
        await self._session.close()

    @property
    def clock_offset_s(self) -> float:
        """What signatures add to our clock."""
        return self._signer.clock_offset_s

    def set_clock_offset(self, offset_s: float) -> None:
        """Sign from now on with a clock that is ``offset_s`` ahead of ours."""
        self._signer.clock_offset_s = offset_s

    async def put_block(
        self,
        snapshot_id: str,
        block_index: int,
        body: memoryview,
        digest: bytes,
        on_sent: Callable[[], None] = _nothing,
    ) -> None:
        """Put one block, in one attempt, and compare the echoed checksum.

        Cancelled or failed, its connection is closed; the service may have the block or not.

        Args:
            snapshot_id: Which snapshot.
            block_index: Which block.
            body: Exactly 524288 bytes; not copied, must not change until ``on_sent`` or the end.
            digest: Raw SHA-256 of ``body``.
            on_sent: Called when ``body`` is not needed any more, before the answer is there.

        Raises:
            ServiceError: refused, unanswered, or the echo differs.
            CredentialsError: there are none.
            ConfigError: the server's certificate is not trusted.
        """
        path = f"{self._path}{snapshot_id}/blocks/{block_index}"
        credentials = await self._credentials.current()
        headers = self._signer.put_block_headers(
            credentials,
            self._clock.unix_s(),
            path,
            digest,
            payload_signed=not self._endpoint.is_tls,
        )
        attempt = Attempt()
        payload = BlockPayload(body, attempt, on_sent)
        self._watch.begin(attempt)
        try:
            async with self._session.put(
                URL(self._base + path, encoded=True),
                data=payload,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                if 200 <= answer.status < 300:
                    await answer.read()
                    self._compare_echo(answer, headers, snapshot_id, block_index)
                    return
                error = await self._refused(_PUT, answer, snapshot_id, block_index)
            if not payload.consumed:
                drop(attempt)
            raise error
        except outage.CAUGHT as error:
            drop(attempt)
            what = None
            if attempt.stalled:
                limit_s = self._deadlines.no_progress_s
                what = f"no byte was sent or received for {limit_s:g} s"
            raise self._unanswered(_PUT, error, snapshot_id, block_index, what) from error
        except asyncio.CancelledError:
            drop(attempt)
            raise
        finally:
            self._watch.end(attempt)

    async def get_block(self, snapshot_id: str, block_index: int, block_token: str) -> bytes:
        """Return one block, got in one attempt; length and checksum have been compared.

        Raises:
            ServiceError: refused, unanswered, or not what its checksum says.
            CredentialsError: there are none.
            ConfigError: the server's certificate is not trusted.
        """
        path = f"{self._path}{snapshot_id}/blocks/{block_index}"
        query = [("blockToken", block_token)]
        credentials = await self._credentials.current()
        headers = self._signer.sign(credentials, self._clock.unix_s(), "GET", path, query=query)
        try:
            async with self._session.get(
                URL(f"{self._base}{path}?{encode_query(query)}", encoded=True),
                headers=headers,
                allow_redirects=False,
                timeout=self._get_timeout,
                read_bufsize=BLOCK_SIZE_BYTES,
            ) as answer:
                if answer.status != 200:
                    raise await self._refused(_GET, answer, snapshot_id, block_index)
                block: bytes = await answer.content.readexactly(BLOCK_SIZE_BYTES)
                checksum = answer.headers.get("x-amz-Checksum", "")
        except asyncio.IncompleteReadError as error:
            what = f"the answer has {len(error.partial)} bytes instead of {BLOCK_SIZE_BYTES}"
            raise self._differs(_GET, what, snapshot_id, block_index) from error
        except outage.CAUGHT as error:
            raise self._unanswered(_GET, error, snapshot_id, block_index, None) from error
        if not hmac.compare_digest(b64encode(hashlib.sha256(block).digest()), checksum.encode()):
            what = "the bytes received are not what the answer's checksum says"
            raise self._differs(_GET, what, snapshot_id, block_index)
        return block

    def _compare_echo(
        self, answer: Any, headers: dict[str, str], snapshot_id: str, block_index: int
    ) -> None:
        echo = answer.headers.get("x-amz-Checksum")
        if echo == headers["x-amz-Checksum"]:
            return
        if echo is not None:
            what = "the checksum echoed is not that of the block sent"
            raise self._differs(_PUT, what, snapshot_id, block_index)
        # Not the service's own answer: the block may be stored or not, and is put again.
        raise ServiceError(
            _PUT,
            FailureClass.TRANSIENT,
            "the answer does not echo the block's checksum",
            advice=advice(_PUT, FailureClass.TRANSIENT),
            snapshot_id=snapshot_id,
            block_index=block_index,
            http_status=answer.status,
        )

    async def _refused(
        self, operation: str, answer: Any, snapshot_id: str, block_index: int
    ) -> ServiceError:
        body = b""
        with contextlib.suppress(*outage.CAUGHT):  # status and headers are worth more than a body
            while len(body) < BODY_LIMIT_BYTES and (
                piece := await answer.content.read(BODY_LIMIT_BYTES)
            ):
                body += piece
        return error_of_answer(
            operation,
            answer.status,
            answer.headers,
            body,
            region=self._region,
            snapshot_id=snapshot_id,
            block_index=block_index,
        )

    def _differs(
        self, operation: str, what: str, snapshot_id: str, block_index: int
    ) -> ServiceError:
        failure = FailureClass.BODY_CHANGED
        return ServiceError(
            operation,
            failure,
            what,
            advice=advice(operation, failure),
            snapshot_id=snapshot_id,
            block_index=block_index,
        )

    def _unanswered(
        self,
        operation: str,
        error: BaseException,
        snapshot_id: str,
        block_index: int,
        what: str | None,
    ) -> BulkputError:
        self._connector.clear_dns_cache()  # the address may have changed: look it up anew
        return outage.error_of_outage(
            operation,
            error,
            host=self._endpoint.host_header,
            snapshot_id=snapshot_id,
            block_index=block_index,
            what=what,
        )


def drop(attempt: Attempt) -> None:
    """End the attempt's connection at once: what it has buffered is never sent."""
    if attempt.transport is not None:
        attempt.transport.abort()


def forbid_repeats(session: aiohttp.ClientSession) -> None:
    """Keep aiohttp from sending a PUT again by itself after a dropped connection.

    There is no public switch (aiohttp issue 10790); a silent repeat would be counted by no rate
    and no retry policy.

    Raises:
        RuntimeError: this aiohttp has no such switch, so it cannot be trusted to send once.
    """
    if not hasattr(session, "_retry_connection"):
        raise RuntimeError(
            f"aiohttp {aiohttp.__version__} cannot be kept from repeating requests by itself"
        )
    session._retry_connection = False  # noqa: SLF001 - see the docstring
