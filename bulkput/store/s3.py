"""The store in S3, or what speaks like it: requests, signed and checked, one attempt each.

Owns the form of the requests. The connections, the signatures, proxies and trust are those of the
EBS direct APIs; who repeats is the caller. Every object is sent with its SHA-256, which S3 checks
before it takes it (``x-amz-checksum-sha256``), and is held to it when it is read.
"""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.error_response import server_time
from bulkput.ebs.http_response import HttpResponse, WireError
from bulkput.ebs.learned import Learned
from bulkput.ebs.signer import Signer, encode_query
from bulkput.ebs.transport_error import error_of_outage, error_of_refusal
from bulkput.model.clock import Clock
from bulkput.model.errors import (
    AnswerError,
    BulkputError,
    ConfigError,
    Problem,
    ServiceError,
)
from bulkput.model.failure import FailureClass
from bulkput.store.address import StoreAddress
from bulkput.store.object_store import ABSENT, ConditionFailedError, ListedObject, StoredObject
from bulkput.store.s3_answers import error_code, error_of, other_region, page_of
from bulkput.store.s3_place import S3Place

_CALL_LIMIT_S = 10.0
"""Of one attempt, beside the time that its bytes take."""

_BYTES_PER_S_MIN = 1 << 20
"""Slower than any link that an upload is sensible on; a manifest of 4 GiB has an hour."""

_PAGE_MAX_BYTES = 4 << 20
"""1000 keys of 1024 characters each, and what is said of them."""

_PAGES_MAX = 100_000

_REDIRECTS_MAX = 2

_CONDITION_FAILED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""412, and 409 where another conditional write was under way at the same moment."""


class S3Store:
    """Objects below a prefix; an async context manager. One event loop."""

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
        self.shown = address.shown
        self._address = address
        self._place = place
        self._credentials = credentials
        self._clock = clock
        self._learned = Learned(region=place.region, has_answered=True)
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

    async def get(self, key: str, *, size_max_bytes: int) -> StoredObject | None:
        answer = await self._ask("GetObject", key, answer_limit_bytes=size_max_bytes)
        if answer.status == 404 and error_code(answer) != "NoSuchBucket":
            return None
        if answer.status == 403 and await self._is_not_listed(key):
            return None
        self._require("GetObject", answer, key)
        if not answer.is_whole:
            raise AnswerError("GetObject", f"{self.shown}/{key} has more bytes than it can have")
        checksum = answer.headers.get("x-amz-checksum-sha256")
        if checksum is not None and checksum != _checksum(hashlib.sha256(answer.body).digest()):
            what = f"{self.shown}/{key}: the bytes received are not what the checksum says"
            raise ServiceError("GetObject", FailureClass.TRANSIENT, what)
        now_s = server_time(answer.headers.get("Date"))
        written_s = server_time(answer.headers.get("Last-Modified"))
        age_s = None if now_s is None or written_s is None else max(0.0, now_s - written_s)
        return StoredObject(answer.body, answer.headers.get("ETag", ""), age_s)

    async def _is_not_listed(self, key: str) -> bool:
        """Return whether a list shows that there is no such object.

        Who may list a prefix only, and not all of the bucket, is refused what is not there (403
        instead of 404: "Actions, resources, and condition keys for Amazon S3", s3:prefix).
        """
        try:
            return key not in [each.key async for each in self.list_objects(key)]
        except BulkputError:
            return False

    async def put(self, key: str, content: memoryview, *, if_match: str | None = None) -> str:
        headers = {"Content-Type": "application/octet-stream"}
        if if_match is not None:
            name = "If-None-Match" if if_match == ABSENT else "If-Match"
            headers[name] = if_match or "*"
        answer = await self._ask("PutObject", key, headers=headers, body=content)
        # 404 is S3's answer to If-Match where the object is gone.
        is_gone = answer.status == 404 and bool(if_match) and error_code(answer) == "NoSuchKey"
        if answer.status == 412 or is_gone or error_code(answer) in _CONDITION_FAILED:
            raise ConditionFailedError(key)
        self._require("PutObject", answer, key)
        return answer.headers.get("ETag", "")

    async def delete(self, key: str) -> None:
        answer = await self._ask("DeleteObject", key)
        if answer.status != 404 or error_code(answer) == "NoSuchBucket":
            self._require("DeleteObject", answer, key)

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        root = f"{self._address.prefix}/" if self._address.prefix else ""
        query = [("list-type", "2"), ("prefix", root + prefix)]
        page_token: str | None = None
        for _ in range(_PAGES_MAX):
            asked = query + ([("continuation-token", page_token)] if page_token else [])
            answer = await self._ask(
                "ListObjectsV2", "", query=asked, answer_limit_bytes=_PAGE_MAX_BYTES
            )
            self._require("ListObjectsV2", answer, prefix)
            try:
                page = page_of(answer.body)
            except ValueError as error:
                raise AnswerError("ListObjectsV2", str(error)) from None
            now_s = server_time(answer.headers.get("Date"))
            for key, size_bytes, modified in page.items:
                yield ListedObject(key.removeprefix(root), size_bytes, _age_s(modified, now_s))
            page_token = page.next_token
            if page_token is None:
                return
        raise AnswerError("ListObjectsV2", f"{_PAGES_MAX} pages came, and the list goes on")

    async def _ask(
        self,
        operation: str,
        key: str,
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: memoryview | None = None,
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
        body: memoryview | None,
        answer_limit_bytes: int,
    ) -> HttpResponse:
        url = self._endpoint.url
        refused = self._learned.refusal_of(self._endpoint.host_header)
        if refused is not None:
            raise error_of_refusal(operation, refused, url=url)
        digest = hashlib.sha256(b"" if body is None else body).digest()
        headers = headers | {"X-Amz-Content-SHA256": digest.hex()}
        if body is not None:
            headers["x-amz-checksum-sha256"] = _checksum(digest)
        if operation == "GetObject":
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
        size_bytes = max(0 if body is None else body.nbytes, answer_limit_bytes)
        try:
            async with asyncio.timeout(_CALL_LIMIT_S + size_bytes / _BYTES_PER_S_MIN):
                return await self._wire.exchange(
                    _METHODS[operation],
                    f"{path}?{encode_query(query)}" if query else path,
                    "".join([f"{name}: {value}\r\n" for name, value in signed.items()]),
                    body=body,
                    answer_limit_bytes=answer_limit_bytes,
                )
        except TimeoutError:
            what = f"{self._endpoint.host_header}: no answer within the time limit"
            raise ServiceError(operation, FailureClass.STALLED, what) from None
        except WireError as error:
            self._wire.forget_addresses()
            raise error_of_outage(operation, error, url=url, learned=self._learned) from error

    def _require(self, operation: str, answer: HttpResponse, key: str) -> None:
        if 200 <= answer.status < 300:
            return
        if error_code(answer) == "NoSuchBucket":
            expected = f"expected a bucket that exists: {self._address.bucket} does not"
            raise ConfigError((Problem("state_store", expected),))
        raise error_of(operation, answer, f"{self.shown}/{key}")

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


_METHODS = {
    "GetObject": "GET",
    "PutObject": "PUT",
    "DeleteObject": "DELETE",
    "ListObjectsV2": "GET",
}


def _checksum(digest: bytes) -> str:
    return b64encode(digest).decode()


def _age_s(modified: str, now_s: float | None) -> float | None:
    try:
        return (
            None
            if now_s is None
            else max(0.0, now_s - datetime.fromisoformat(modified).timestamp())
        )
    except ValueError:
        return None
