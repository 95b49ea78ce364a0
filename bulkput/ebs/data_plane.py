"""Blocks on the wire: PutSnapshotBlock and GetSnapshotBlock, one attempt a call.

Owns the form of the requests and the comparison of checksums. Repeats nothing, paces nothing,
keeps no count: whoever calls decides what a failure means for the next attempt.
"""

import hashlib
import re
import ssl
from base64 import b64encode
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bulkput.ebs.advice import advice
from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import Endpoint
from bulkput.ebs.error_response import BODY_LIMIT_BYTES, error_of_answer
from bulkput.ebs.first_contact import is_complaint_of_plain_http, speaks_tls
from bulkput.ebs.http1 import Wire
from bulkput.ebs.http_response import HttpResponse, WireError
from bulkput.ebs.learned import Learned
from bulkput.ebs.signer import Signer, encode_query
from bulkput.ebs.snapshot import GotBlock
from bulkput.ebs.transport_error import error_of_outage, error_of_refusal
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.refusals import known_refusals

_PUT = "PutSnapshotBlock"
_GET = "GetSnapshotBlock"

_SNAPSHOT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
"""What needs no escaping in a path; the service refuses what is no id of its own."""


class DataPlane:
    """Puts and gets blocks through connections of its own; an async context manager."""

    def __init__(  # noqa: PLR0913 - one wire's parts and what both planes share
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
        learned: Learned | None = None,
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
            learned: Shared with the control plane.
        """
        self._endpoint = endpoint
        self._learned = learned or Learned(hosts=None)
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._signer = Signer(region, "ebs", endpoint.host_header)
        self._snapshot_id = ""
        self._snapshot_path = ""
        self._wire = Wire(
            endpoint, connections_max=connections_max, deadlines=deadlines, tls=tls, proxy=proxy
        )

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._wire.__aexit__(kind, error, trace)

    @property
    def clock_offset_s(self) -> float:
        """What signatures add to our clock."""
        return self._signer.clock_offset_s

    def note_answered(self) -> None:
        """Take everybody as one who has answered before."""
        self._learned.hosts = None

    def set_clock_offset(self, offset_s: float) -> None:
        """Sign from now on with a clock that is ``offset_s`` ahead of ours."""
        self._signer.clock_offset_s = offset_s

    async def put_block(
        self,
        snapshot_id: str,
        block_index: int,
        body: memoryview,
        digest: bytes,
        on_sent: Callable[[], None] | None = None,
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
        path = self._path(_PUT, snapshot_id, block_index)
        checksum, lines = self._signer.sign_put(
            await self._credentials.current(), self._clock.unix_s(), path, digest
        )
        self._check_way(_PUT, snapshot_id, block_index)
        try:
            answer = await self._wire.exchange(
                "PUT",
                path,
                lines,
                body=body,
                on_sent=on_sent,
                answer_limit_bytes=BODY_LIMIT_BYTES,
            )
        except WireError as error:
            raise self._unanswered(_PUT, error, snapshot_id, block_index) from error.__cause__
        if not 200 <= answer.status < 300:
            raise self._refused(_PUT, answer, snapshot_id, block_index)
        echo = answer.headers.get("x-amz-Checksum")
        if echo == checksum:
            self._learned.note_answer(self._endpoint.host_header)
            return
        if echo is not None:
            what = "the checksum echoed is not that of the block sent"
            raise self._failed(_PUT, FailureClass.CHECKSUM_MISMATCH, what, snapshot_id, block_index)
        # Not the service's own answer: the block may be stored or not, and is put again.
        what = f"an answer {answer.status} that does not echo the block's checksum"
        raise self._failed(_PUT, FailureClass.TRANSIENT, what, snapshot_id, block_index)

    async def get_block(self, snapshot_id: str, block_index: int, block_token: str) -> GotBlock:
        """Return one block, got in one attempt; length and checksum have been compared.

        Raises:
            ServiceError: refused, unanswered, or other bytes than its checksum is of.
            CredentialsError: there are none.
            ConfigError: the server's certificate is not trusted.
        """
        path = self._path(_GET, snapshot_id, block_index)
        query = [("blockToken", block_token)]
        headers = self._signer.sign(
            await self._credentials.current(), self._clock.unix_s(), "GET", path, query=query
        )
        self._check_way(_GET, snapshot_id, block_index)
        try:
            answer = await self._wire.exchange(
                "GET",
                f"{path}?{encode_query(query)}",
                "".join([f"{name}: {value}\r\n" for name, value in headers.items()]),
                answer_limit_bytes=BLOCK_SIZE_BYTES,
            )
        except WireError as error:
            raise self._unanswered(_GET, error, snapshot_id, block_index) from error.__cause__
        if answer.status != 200:
            raise self._refused(_GET, answer, snapshot_id, block_index)
        block = answer.body
        if len(block) != BLOCK_SIZE_BYTES:
            what = f"the block received has {len(block)} bytes instead of {BLOCK_SIZE_BYTES}"
        else:
            digest = hashlib.sha256(block).digest()
            if answer.headers.get("x-amz-Checksum") == b64encode(digest).decode():
                return GotBlock(block, digest)
            what = "the bytes received are not what the answer's checksum says"
        raise self._failed(_GET, FailureClass.CHECKSUM_MISMATCH, what, snapshot_id, block_index)

    def _check_way(self, operation: str, snapshot_id: str, block_index: int) -> None:
        """Refuse to ask a proxy again that has refused: after some tries it locks the account."""
        url = self._endpoint.url
        status = known_refusals.status_of(url)
        if status is not None:
            raise error_of_refusal(
                operation, status, url=url, snapshot_id=snapshot_id, block_index=block_index
            )

    def _path(self, operation: str, snapshot_id: str, block_index: int) -> str:
        if snapshot_id != self._snapshot_id:
            if _SNAPSHOT_ID.fullmatch(snapshot_id) is None:
                what = "not a snapshot's id"
                raise self._failed(operation, FailureClass.INVALID, what, snapshot_id, block_index)
            self._snapshot_id = snapshot_id
            self._snapshot_path = f"{self._endpoint.path_prefix}/snapshots/{snapshot_id}/blocks/"
        return f"{self._snapshot_path}{block_index}"

    def _refused(
        self, operation: str, answer: HttpResponse, snapshot_id: str, block_index: int
    ) -> BulkputError:
        error = error_of_answer(
            operation,
            answer.status,
            answer.headers,
            answer.body[:BODY_LIMIT_BYTES],
            region=self._region,
            snapshot_id=snapshot_id,
            block_index=block_index,
            kms_key=self._learned.key_of(snapshot_id),
        )
        self._learned.note_failure(self._endpoint.host_header, error)
        if is_complaint_of_plain_http(answer.status, error.what):
            return speaks_tls(self._endpoint.host_header)
        return error

    def _failed(
        self,
        operation: str,
        failure: FailureClass,
        what: str,
        snapshot_id: str,
        block_index: int,
    ) -> ServiceError:
        return ServiceError(
            operation,
            failure,
            what,
            advice=advice(operation, failure, region=self._region),
            snapshot_id=snapshot_id,
            block_index=block_index,
        )

    def _unanswered(
        self, operation: str, error: WireError, snapshot_id: str, block_index: int
    ) -> BulkputError:
        self._wire.forget_addresses()
        return error_of_outage(
            operation,
            error,
            url=self._endpoint.url,
            # Before a block there are calls: who answered those is known not to be a mistake.
            is_first=not self._learned.has_answered(),
            region=self._learned.region,
            snapshot_id=snapshot_id,
            block_index=block_index,
        )
