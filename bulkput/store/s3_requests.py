"""Requests to S3: signed, sent to where the bucket is, one attempt each.

Owns connections and the bucket's Region. The signatures, connections, proxies and trust are those
of the EBS direct APIs. Knows no object's meaning.
"""

import hashlib
from base64 import b64encode
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Self

from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.http_response import HttpResponse, WireError
from bulkput.ebs.learned import Learned
from bulkput.ebs.signer import Signer, encode_query
from bulkput.ebs.transport_error import error_of_outage, error_of_refusal
from bulkput.model.clock import Clock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.refusals import known_refusals
from bulkput.store.address import StoreAddress
from bulkput.store.s3_answers import other_region
from bulkput.store.s3_place import S3Place

_REDIRECTS_MAX = 2

_METHODS = {
    "GetObject": "GET",
    "PutObject": "PUT",
    "DeleteObject": "DELETE",
    "ListObjectsV2": "GET",
}


_EMPTY = hashlib.sha256(b"").digest()


class Body(NamedTuple):
    """What is sent, and its SHA-256."""

    content: memoryview
    digest: bytes


class S3Requests:
    """Sends requests about one prefix of a bucket; an async context manager. One event loop."""

    def __init__(
        self,
        address: StoreAddress,
        place: S3Place,
        *,
        credentials: CredentialSource,
        clock: Clock,
    ) -> None:
        """Keep what is needed; nothing is opened yet.

        Args:
            address: Which bucket, and where in it.
            place: Where S3 is, and how it is reached.
            credentials: Asked again for every request.
            clock: For signatures.
        """
        self._address = address
        self._place = place
        self._credentials = credentials
        self._clock = clock
        self._learned = Learned()
        self._clock_offset_s = 0.0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._go_to(self._place.region)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def recover(self, error: ServiceError) -> None:
        """Mend what a refused signature points at, clock and keys; nothing for other failures.

        Raises:
            CredentialsError: there are no new credentials.
        """
        if error.failure is not FailureClass.SIGNATURE:
            return
        if error.server_unix_s is not None:
            self._clock_offset_s = error.server_unix_s - self._clock.unix_s()
        await self._credentials.refresh()

    async def ask(
        self,
        operation: str,
        key: str,
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: Body | None = None,
        answer_limit_bytes: int = 1 << 16,
    ) -> HttpResponse:
        """Send one request, to the bucket's Region once that is known."""
        for _ in range(_REDIRECTS_MAX):
            answer = await self._send(
                operation, key, query or [], headers or {}, body, answer_limit_bytes
            )
            region = other_region(answer) if self._place.endpoint_url is None else None
            if region is None or region == self._signer.region:
                return answer
            await self._go_to(region)
        return answer

    async def _send(
        self,
        operation: str,
        key: str,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: Body | None,
        answer_limit_bytes: int,
    ) -> HttpResponse:
        url = self._endpoint.url
        refused = known_refusals.status_of(url)
        if refused is not None:
            raise error_of_refusal(operation, refused, url=url)
        digest = _EMPTY if body is None else body.digest
        headers = headers | {"X-Amz-Content-SHA256": digest.hex()}
        if body is not None:
            headers["x-amz-checksum-sha256"] = checksum_of(digest)
        if operation == "GetObject" and "Range" not in headers:
            headers["x-amz-checksum-mode"] = "ENABLED"
        path = self._path(key)
        self._signer.clock_offset_s = self._clock_offset_s
        signed = self._signer.sign(
            await self._credentials.current(),
            self._clock.unix_s(),
            _METHODS[operation],
            path,
            query=query,
            headers=headers,
            payload_hash=digest.hex(),
        )
        host = self._endpoint.host_header
        try:
            answer = await self._wire.exchange(
                _METHODS[operation],
                f"{path}?{encode_query(query)}" if query else path,
                "".join([f"{name}: {value}\r\n" for name, value in signed.items()]),
                body=None if body is None else body.content,
                answer_limit_bytes=answer_limit_bytes,
            )
        except WireError as error:
            self._wire.forget_addresses()
            raise error_of_outage(
                operation,
                error,
                url=url,
                is_first=not self._learned.has_answered(host),
                region=self._signer.region,
            ) from error
        self._learned.note_answer(host)
        return answer

    def _path(self, key: str) -> str:
        bucket = "" if self._is_in_host else f"/{self._address.bucket}"
        if not key:
            return f"{self._endpoint.path_prefix}{bucket}/"
        prefix = f"/{self._address.prefix}" if self._address.prefix else ""
        return f"{self._endpoint.path_prefix}{bucket}{prefix}/{key}"

    async def _go_to(self, region: str) -> None:
        """Open connections to S3 in ``region``; those to another one stay until the end."""
        bucket = self._address.bucket if self._address.takes_host_name else None
        self._endpoint, self._is_in_host = self._place.endpoint(region, bucket)
        self._signer = Signer(region, "s3", self._endpoint.host_header)
        self._wire = await self._stack.enter_async_context(self._place.wire(self._endpoint))


def checksum_of(digest: bytes) -> str:
    """Return a SHA-256 as S3's headers have it."""
    return b64encode(digest).decode()
