"""Attempts without an answer: what aiohttp raises becomes a ``ServiceError``.

Most of them pass. What this machine has no more of, such as open files, is its own error and is not
tried again. A certificate that is not trusted stays so, and is the configuration's business;
so does a proxy's refusal, which is the credentials'; and what a run meets before its first answer
(``first_contact``) may be a mistake that no waiting mends.
"""

from typing import Any
from urllib.parse import urlsplit

from bulkput.ebs.advice import advice
from bulkput.ebs.bounded_responses import INTERIM_ANSWERS_MAX, InterimAnswersError
from bulkput.ebs.first_contact import NO_HTTP, error_of_first_contact, speaks_no_aws
from bulkput.ebs.http_response import WireError
from bulkput.model.errors import ConfigError, MachineError, Problem, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.causes import local_shortage
from bulkput.network.late_trust import aiohttp
from bulkput.network.proxy import REFUSALS, refusal, refused_status, shown_proxy
from bulkput.network.refusals import known_refusals
from bulkput.network.unreachable import untrusted

_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    # In this order: the first that fits; aiohttp's classes are nested.
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.ClientConnectorDNSError, "the host's name could not be resolved"),
    (aiohttp.ClientConnectorSSLError, "the TLS handshake failed"),
    (aiohttp.ClientHttpProxyError, "the proxy refused the connection"),
    (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
    (aiohttp.ClientConnectorError, "the connection could not be made"),
    (InterimAnswersError, f"more than {INTERIM_ANSWERS_MAX} interim answers, and no answer"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer"),
    (aiohttp.ClientPayloadError, "the answer ended early"),
    (aiohttp.ClientResponseError, NO_HTTP),
    (TimeoutError, "no answer within the time limit"),
    (ConnectionResetError, "the connection was reset"),
    (BrokenPipeError, "the connection was closed while sending"),
    (aiohttp.ClientOSError, "the connection broke"),
    (aiohttp.ClientError, "the request failed"),
    (OSError, "the connection broke"),
    (aiohttp.http.HttpProcessingError, NO_HTTP),
)


def error_of_outage(
    operation: str,
    error: BaseException,
    *,
    url: str,
    is_first: bool,
    region: str,
    snapshot_id: str | None = None,
    block_index: int | None = None,
) -> ServiceError | ConfigError | MachineError:
    """Return what to raise for an attempt that got no answer.

    Args:
        operation: As ``PutSnapshotBlock``.
        error: What was raised: the data plane's own, or what aiobotocore wraps.
        url: With whom it was.
        is_first: Nothing was answered yet.
        region: The Region that was meant.
        snapshot_id: Which snapshot was asked for.
        block_index: Which block.
    """
    host = urlsplit(url).netloc
    short = local_shortage(error, f"{host}: cannot be reached")
    if short is not None:
        return short
    what, failure = "", FailureClass.TRANSIENT
    if isinstance(error, WireError):
        what = error.known_cause
        failure = FailureClass.STALLED if error.is_stalled else failure
        error = error.__cause__ or error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        distrusted: Any = error.certificate_error  # aiohttp's hint is a mere Exception
        expected = f"expected a certificate of {host} that is trusted: {untrusted(distrusted)}"
        return ConfigError((Problem("endpoint", expected),))
    status = refused_status(error)
    if status in REFUSALS:
        known_refusals.note(url, status)
        return error_of_refusal(
            operation, status, url=url, snapshot_id=snapshot_id, block_index=block_index
        )
    sentence, remedy = f"{host}: {what or _sentence(error)}", ""
    if is_first:
        if isinstance(error, WireError):  # it is no failure of the connection's
            return speaks_no_aws(url, what)
        first = error_of_first_contact(error, url=url, region=region)
        if isinstance(first, ConfigError):
            return first
        failure, remedy = first.failure, first.advice
        sentence = first.what or sentence
    return ServiceError(
        operation,
        failure,
        sentence,
        advice=remedy or advice(operation, failure),
        snapshot_id=snapshot_id,
        block_index=block_index,
    )


def error_of_refusal(
    operation: str,
    http_status: int,
    *,
    url: str,
    snapshot_id: str | None = None,
    block_index: int | None = None,
) -> ServiceError:
    """Return what to raise where a proxy has refused the way to ``url``."""
    what, remedy = refusal(http_status, urlsplit(url).netloc, shown_proxy(url))
    return ServiceError(
        operation,
        FailureClass.PROXY_REFUSED,
        what,
        advice=remedy,
        snapshot_id=snapshot_id,
        block_index=block_index,
    )


def _sentence(error: BaseException) -> str:
    """Return the words of the table, and the system's own."""
    found = next((text for kind, text in _SENTENCES if isinstance(error, kind)), "")
    if isinstance(error, OSError) and error.errno is not None:
        return f"{found or 'the request failed'} ({error.strerror or error.errno})"
    return found or "the request failed"
