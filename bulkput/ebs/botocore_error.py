"""What aiobotocore raises becomes a ``ServiceError`` or a ``CredentialsError``.

The one place that names botocore's exceptions; what they mean is decided by ``classify``.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from bulkput.ebs.advice import advice
from bulkput.ebs.classify import classify
from bulkput.ebs.control_session import UnansweredError
from bulkput.ebs.error_response import plain_message, plain_name, redirect_text, server_time
from bulkput.ebs.first_contact import is_complaint_of_plain_http, speaks_tls
from bulkput.ebs.learned import Learned
from bulkput.model.errors import (
    AnswerError,
    BulkputError,
    ConfigError,
    CredentialsError,
    Problem,
    ServiceError,
)
from bulkput.model.failure import FailureClass
from bulkput.network.causes import causes

_NO_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.UnauthorizedSSOTokenError,
    botocore.SSOTokenLoadError,
)

_CONFIGURATION = (
    botocore.ProfileNotFound,
    botocore.ConfigParseError,
    botocore.InvalidEndpointConfigurationError,
    botocore.InvalidProxiesConfigError,
    botocore.InvalidRegionError,
    botocore.NoRegionError,
    botocore.EndpointProviderError,
)


_PARSED_WRONGLY = (AttributeError, TypeError, LookupError, RecursionError)
"""What botocore's parsers raise at JSON of another form than the model's: a list for an object."""

_WORDED = (botocore.BotoCoreError, OSError, ValueError, ResponseParserError)
"""What says in its own words what happened; everything else is raised by a parser that met what
it never expected."""


def error_of_botocore(
    operation: str,
    error: Exception,
    *,
    region: str,
    url: str = "",
    learned: Learned | None = None,
    snapshot_id: str | None = None,
    tagged: bool = False,
    kms_key: str | None = None,
) -> BulkputError:
    """Return what to raise for ``error``.

    Args:
        operation: As ``StartSnapshot`` or ``DescribeSnapshots``.
        error: What aiobotocore, or the time limit around it, raised.
        region: For the advice.
        url: Whom it was to reach.
        learned: Whether there ever was an answer.
        snapshot_id: Which snapshot was asked for.
        tagged: The request carried tags.
        kms_key: The snapshot's key, where it is known.
    """
    for each in causes(error):
        if isinstance(each, UnansweredError):
            return each.of(operation, snapshot_id)
        if isinstance(each, BulkputError):
            return each
    if isinstance(error, botocore.ClientError):
        refused = _refused(
            operation,
            error,
            snapshot_id,
            lambda failure, code: advice(
                operation, failure, region=region, tagged=tagged, kms_key=kms_key, code=code
            ),
        )
        is_tls = is_complaint_of_plain_http(refused.http_status or 0, refused.what)
        return speaks_tls(urlsplit(url).netloc) if is_tls else refused
    has_answered = learned is None or learned.has_answered
    final = _final(operation, error, url=url, has_answered=has_answered, snapshot_id=snapshot_id)
    if final is not None:
        return final
    failure = FailureClass.TRANSIENT
    if isinstance(error, botocore.ParamValidationError):
        failure = FailureClass.INVALID
    what = plain_message(str(error)) or "no answer within the time limit"
    if not isinstance(error, _WORDED):
        what = f"an answer that cannot be read ({type(error).__name__})"
    return ServiceError(
        operation,
        failure,
        what,
        advice=advice(operation, failure, region=region),
        snapshot_id=snapshot_id,
    )


def _final(
    operation: str, error: Exception, *, url: str, has_answered: bool, snapshot_id: str | None
) -> BulkputError | None:
    """Return what no repeat can mend; None if this is not of it."""
    if isinstance(error, ResponseParserError) and not has_answered:
        expected = f"expected the AWS API at {url}: what answers there does not speak it"
        return ConfigError((Problem("endpoint", expected),))
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(plain_message(str(error)))
    if isinstance(error, _CONFIGURATION):
        return ConfigError((Problem("aws", plain_message(str(error))),))
    if isinstance(error, _PARSED_WRONGLY):
        # It came whole, or the connection would have failed: a repeat would bring the same.
        return AnswerError(operation, "it is not of the API's form", snapshot_id=snapshot_id)
    return None


def _refused(
    operation: str,
    error: Any,
    snapshot_id: str | None,
    advice_for: Callable[[FailureClass, str | None], str],
) -> ServiceError:
    answer: dict[str, Any] = error.response
    details = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    status = metadata.get("HTTPStatusCode")
    code = plain_name(details.get("Code"))
    if code is not None and code.isdigit():
        code = None  # botocore puts the status there when the answer names no code
    # A modeled error has its members at the top, whichever of both spellings the body had.
    reason = plain_name(answer.get("Reason") or details.get("Reason"))
    message = str(details.get("Message") or answer.get("Message") or answer.get("message") or "")
    if isinstance(status, int) and 300 <= status < 400:
        message = redirect_text(headers.get("location"))
    failure = classify(status, code, reason, message, operation)
    return ServiceError(
        operation,
        failure,
        plain_message(message) or "an answer without a message",
        advice=advice_for(failure, code),
        snapshot_id=snapshot_id,
        http_status=status,
        code=code,
        reason=reason,
        request_id=plain_name(metadata.get("RequestId") or headers.get("x-amzn-requestid")),
        server_unix_s=server_time(headers.get("date")),
    )
