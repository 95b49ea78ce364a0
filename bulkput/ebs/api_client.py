"""One of AWS's services as the calls around the blocks use it: a request, signed and answered.

Small on purpose: botocore's own clients cost 0.2 CPU seconds and 20 MiB for EC2's model, of which
five operations are used. One attempt a call; what a failure means is decided by ``classify``.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from bulkput.ebs.advice import advice
from bulkput.ebs.control_session import ControlRequest, ControlSession, UnansweredError
from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.error_response import BODY_LIMIT_BYTES, error_of_answer
from bulkput.ebs.first_contact import is_complaint_of_plain_http, speaks_tls
from bulkput.ebs.http_response import HttpResponse
from bulkput.ebs.json_calls import ebs_answer, ebs_request, quotas_answer, quotas_request
from bulkput.ebs.learned import Learned
from bulkput.ebs.query_calls import UnreadableXmlError, query_answer, query_request
from bulkput.ebs.signer import Signer
from bulkput.model.clock import Clock
from bulkput.model.errors import AnswerError, BulkputError, ConfigError, Problem, ServiceError
from bulkput.model.failure import FailureClass

_OTHER_FORM = (AttributeError, TypeError, LookupError, RecursionError, UnicodeError)
"""What reading raises at an answer of another form than the API's. It came whole, or the connection
would have failed: a repeat would bring the same."""


class ApiService(NamedTuple):
    """One of AWS's services."""

    prefix: str
    """What its host names begin with, and the name in signatures."""
    configured_as: str
    """In variables and profiles that name its endpoint."""
    request: Callable[[str, str, Mapping[str, Any]], ControlRequest]
    read: Callable[[str, HttpResponse], dict[str, Any]]


SERVICES = {
    "ebs": ApiService("ebs", "ebs", ebs_request, ebs_answer),
    "ec2": ApiService("ec2", "ec2", partial(query_request, "ec2"), query_answer),
    "service-quotas": ApiService("servicequotas", "service_quotas", quotas_request, quotas_answer),
    "sts": ApiService("sts", "sts", partial(query_request, "sts"), query_answer),
}
"""By the names that botocore has for them."""


class ApiClient:
    """Calls one service; its connections are another's to close."""

    def __init__(
        self,
        service: ApiService,
        endpoint_url: str,
        *,
        region: str,
        session: ControlSession,
        credentials: CredentialSource,
        clock: Clock,
        learned: Learned,
    ) -> None:
        """Keep what is needed.

        Args:
            service: Which.
            endpoint_url: Where it answers; checked already.
            region: For signatures and advice.
            session: What carries requests.
            credentials: Asked again for every request.
            clock: For signatures.
            learned: What the run knows of the service.
        """
        self.endpoint_url = endpoint_url
        self._service = service
        self._region = region
        self._session = session
        self._credentials = credentials
        self._clock = clock
        self._learned = learned
        self._host = urlsplit(endpoint_url).netloc
        self._signer = Signer(region, service.prefix, self._host.lower())

    @property
    def has_answered(self) -> bool:
        """Whether its host has, to anybody of the run."""
        return self._learned.has_answered(self._host)

    def set_clock_offset(self, offset_s: float) -> None:
        """Sign from now on with a clock that is ``offset_s`` ahead of ours."""
        self._signer.clock_offset_s = offset_s

    async def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        snapshot_id: str | None = None,
        kms_key: str | None = None,
        tagged: bool = False,
        limit_s: float | None = None,
    ) -> dict[str, Any]:
        """Make one attempt, and return the answer's fields.

        Those of the exchange itself are in ``ResponseMetadata``: ``HTTPHeaders``, whose look-ups
        do not regard case, and of EC2 the ``RequestId``.

        Args:
            operation: As ``DescribeSnapshots``.
            parameters: By the names of the service's model.
            snapshot_id: Which snapshot a failure is about.
            kms_key: Its key, where it is known.
            tagged: The request carries tags.
            limit_s: For all of it; None leaves it to the exchange's own limits, which let a long
                list over a narrow link come to its end.

        Raises:
            ServiceError: refused or unanswered.
            AnswerError: the answer is not of the API's form.
            ConfigError: what answers there is not AWS's API, or not trusted.
            CredentialsError: there are none.
        """
        try:
            async with asyncio.timeout(limit_s):
                request = self._service.request(self.endpoint_url, operation, parameters)
                answer = await self._session.exchange(await self._signed(request))
        except UnansweredError as error:
            raise error.of(operation, snapshot_id) from error.__cause__
        except TimeoutError as error:
            what = "no answer within the time limit"
            raise self._failed(operation, what, snapshot_id) from error
        if answer.status >= 300:
            refusal = self._refused(operation, answer, snapshot_id, kms_key, tagged=tagged)
            self._learned.note_failure(self._host, refusal)
            raise refusal
        try:
            fields = self._service.read(operation, answer)
        except UnreadableXmlError as error:
            raise self._unreadable(operation, snapshot_id) from error
        except _OTHER_FORM as error:
            what = "it is not of the API's form"
            raise AnswerError(operation, what, snapshot_id=snapshot_id) from error
        self._learned.note_answer(self._host)
        fields.setdefault("ResponseMetadata", {})["HTTPHeaders"] = answer.headers
        return fields

    async def _signed(self, request: ControlRequest) -> ControlRequest:
        parts = urlsplit(request.url)
        headers = self._signer.sign(
            await self._credentials.current(),
            self._clock.unix_s(),
            request.method,
            parts.path or "/",
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers=request.headers,
            payload_hash=hashlib.sha256(request.body).hexdigest(),
        )
        return request._replace(headers=headers)

    def _refused(
        self,
        operation: str,
        answer: HttpResponse,
        snapshot_id: str | None,
        kms_key: str | None,
        *,
        tagged: bool,
    ) -> BulkputError:
        error = error_of_answer(
            operation,
            answer.status,
            answer.headers,
            answer.body[:BODY_LIMIT_BYTES],
            region=self._region,
            snapshot_id=snapshot_id,
            kms_key=kms_key,
        )
        if is_complaint_of_plain_http(answer.status, error.what):
            return speaks_tls(self._host)
        if tagged:
            error.advice = advice(
                operation,
                error.failure,
                region=self._region,
                tagged=True,
                kms_key=kms_key,
                code=error.code,
            )
        return error

    def _unreadable(self, operation: str, snapshot_id: str | None) -> BulkputError:
        if not self._learned.has_answered(self._host):
            expected = "what answers there does not speak it"
            where = f"expected the AWS API at {self.endpoint_url}"
            return ConfigError((Problem("endpoint", f"{where}: {expected}"),))
        return self._failed(operation, "an answer that cannot be read", snapshot_id)

    def _failed(self, operation: str, what: str, snapshot_id: str | None) -> ServiceError:
        failure = FailureClass.TRANSIENT
        return ServiceError(
            operation,
            failure,
            what,
            advice=advice(operation, failure, region=self._region),
            snapshot_id=snapshot_id,
        )
