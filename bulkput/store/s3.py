"""The store in S3, or what speaks like it: objects, checked, one attempt each.

Owns the form of the requests; who repeats is the caller. Every object is sent with its SHA-256,
which S3 checks before it takes it (``x-amz-checksum-sha256``), and is held to it when it is read.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import datetime

from bulkput.ebs.error_response import server_time
from bulkput.ebs.http_response import HttpResponse
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
from bulkput.store.s3_answers import error_code, error_of, page_of
from bulkput.store.s3_requests import Body, S3Requests, checksum_of

_PAGE_MAX_BYTES = 4 << 20
"""1000 keys of 1024 characters each, and what is said of them."""

_PAGES_MAX = 100_000

_CONDITION_FAILED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""412, and 409 where another conditional write was under way at the same moment."""


class S3Store:
    """Objects below the prefix that ``requests`` are about, as long as those are open."""

    def __init__(self, address: StoreAddress, requests: S3Requests) -> None:
        self.shown = address.shown
        self._address = address
        self._ask = requests.ask

    async def get(self, key: str, *, size_max_bytes: int) -> StoredObject | None:
        answer = await self._ask("GetObject", key, answer_limit_bytes=size_max_bytes)
        if await self._is_missing(answer, key):
            return None
        self._require("GetObject", answer, key)
        if not answer.is_whole:
            raise AnswerError("GetObject", f"{self.shown}/{key} has more bytes than it can have")
        checksum = answer.headers.get("x-amz-checksum-sha256")
        if checksum is not None and checksum != checksum_of(hashlib.sha256(answer.body).digest()):
            what = f"{self.shown}/{key}: the bytes received are not what the checksum says"
            raise ServiceError("GetObject", FailureClass.TRANSIENT, what)
        now_s = server_time(answer.headers.get("Date"))
        written_s = server_time(answer.headers.get("Last-Modified"))
        age_s = None if now_s is None or written_s is None else max(0.0, now_s - written_s)
        return StoredObject(answer.body, answer.headers.get("ETag", ""), age_s)

    async def _is_missing(self, answer: HttpResponse, key: str) -> bool:
        """Return whether there is no such object.

        Who may list a prefix only, and not all of the bucket, is refused what is not there (403
        instead of 404: "Actions, resources, and condition keys for Amazon S3", s3:prefix): then a
        list shows it.
        """
        if answer.status != 403:
            return answer.status == 404 and error_code(answer) != "NoSuchBucket"
        try:
            return key not in [each.key async for each in self.list_objects(key)]
        except BulkputError:
            return False

    async def get_part(
        self, key: str, start: int, stop: int, etag: str | None
    ) -> StoredObject | None:
        headers = {"Range": f"bytes={start}-{stop - 1}"} | ({"If-Match": etag} if etag else {})
        limit = stop - start
        answer = await self._ask("GetObject", key, headers=headers, answer_limit_bytes=limit)
        if await self._is_missing(answer, key):
            return None
        if answer.status == 416:
            return StoredObject(b"", etag or "", None)
        self._require("GetObject", answer, key)
        if answer.status != 206 or not answer.is_whole:
            raise AnswerError("GetObject", f"{self.shown}/{key} was not answered in parts")
        return StoredObject(answer.body, answer.headers.get("ETag", ""), None)

    async def put(
        self,
        key: str,
        content: memoryview,
        *,
        if_match: str | None = None,
        digest: bytes | None = None,
    ) -> str:
        headers = {"Content-Type": "application/octet-stream"}
        if if_match is not None:
            name = "If-None-Match" if if_match == ABSENT else "If-Match"
            headers[name] = if_match or "*"
        digest = digest or hashlib.sha256(content).digest()
        body = Body(content, digest)
        answer = await self._ask("PutObject", key, headers=headers, body=body)
        # 404 is S3's answer to If-Match where the object is gone.
        is_gone = answer.status == 404 and bool(if_match) and error_code(answer) == "NoSuchKey"
        is_refused = answer.status == 412 or error_code(answer) in _CONDITION_FAILED
        if if_match is not None and (is_gone or is_refused):
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

    def _require(self, operation: str, answer: HttpResponse, key: str) -> None:
        if 200 <= answer.status < 300:
            return
        if error_code(answer) == "NoSuchBucket":
            expected = f"expected a bucket that exists: {self._address.bucket} does not"
            raise ConfigError((Problem("state_store", expected),))
        raise error_of(operation, answer, f"{self.shown}/{key}")


def _age_s(modified: str, now_s: float | None) -> float | None:
    try:
        return (
            None
            if now_s is None
            else max(0.0, now_s - datetime.fromisoformat(modified).timestamp())
        )
    except ValueError:
        return None
