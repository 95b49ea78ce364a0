"""Attempts without an answer: what aiohttp raises becomes a ``ServiceError``.

The one place that names aiohttp's exceptions. All of them pass but one: a certificate that is
not trusted stays so, and is the configuration's business.
"""

import aiohttp

from bulkput.ebs.advice import advice
from bulkput.model.errors import ConfigError, Problem, ServiceError
from bulkput.model.failure import FailureClass

_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    # In this order: the first that fits; aiohttp's classes are nested.
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.ClientConnectorDNSError, "the host's name could not be resolved"),
    (aiohttp.ClientConnectorSSLError, "the TLS handshake failed"),
    (aiohttp.ClientHttpProxyError, "the proxy refused the connection"),
    (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
    (aiohttp.ClientConnectorError, "the connection could not be made"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer"),
    (aiohttp.ClientPayloadError, "the answer ended early"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
    (TimeoutError, "no answer within the time limit"),
    (ConnectionResetError, "the connection was reset"),
    (BrokenPipeError, "the connection was closed while sending"),
    (aiohttp.ClientOSError, "the connection broke"),
    (aiohttp.ClientError, "the request failed"),
    (OSError, "the connection broke"),
    (aiohttp.http.HttpProcessingError, "the answer is not HTTP"),
)


def error_of_outage(
    operation: str,
    error: BaseException,
    *,
    host: str,
    snapshot_id: str | None = None,
    block_index: int | None = None,
    what: str = "",
) -> ServiceError | ConfigError:
    """Return what to raise for an attempt that got no answer.

    Args:
        operation: As ``PutSnapshotBlock``.
        error: What was raised.
        host: With whom it was, for the sentence.
        snapshot_id: Which snapshot was asked for.
        block_index: Which block.
        what: The cause, where it is known better than ``error`` knows it.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        expected = (
            f"expected a certificate of {host} that is trusted: {error.certificate_error}; name "
            "its authority in AWS_CA_BUNDLE"
        )
        return ConfigError((Problem("endpoint", expected),))
    found = (text for kind, text in _SENTENCES if isinstance(error, kind))
    sentence = what or next(found, "the request failed")
    detail = ""
    if not what and isinstance(error, OSError) and error.errno is not None:
        detail = f" ({error.strerror or error.errno})"
    return ServiceError(
        operation,
        FailureClass.TRANSIENT,
        f"{host}: {sentence}{detail}",
        advice=advice(operation, FailureClass.TRANSIENT),
        snapshot_id=snapshot_id,
        block_index=block_index,
    )
