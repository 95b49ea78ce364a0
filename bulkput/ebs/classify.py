"""What a failed call means: one table from (status, code, Reason, message) to ``FailureClass``.

Pure data and look-ups: knows no HTTP client, no delay and no exit code. Rows are tried in order,
the first that fits decides; every unset column fits anything. Source of the rows: the EBS direct
API's documentation and service model (2019-11-02), EC2's list of error codes, and answers of the
real services. Nothing else in the program compares codes, messages or statuses.
"""

from typing import NamedTuple

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass as Failure


class Row(NamedTuple):
    """One line of the table; None or empty fits anything."""

    failure: Failure
    code: str
    reasons: frozenset[str] | None = None
    message_has: str = ""
    """Compared without regard to case."""
    operation: str | None = None


def _reasons(*names: str) -> frozenset[str]:
    return frozenset(names)


BODY_TOO_SHORT = "Failed to read block data"
CHECKSUM_DIFFERS = "does not match the computed checksum"
TAGGING_ACTION = "ec2:CreateTags"
"""IAM's refusals name the action that is missing; a start with tags takes this one more."""

TABLE: tuple[Row, ...] = (
    # Throttles are HTTP 400 here; the snapshot's own limit names itself in Reason.
    Row(
        Failure.THROTTLED_SNAPSHOT, "RequestThrottledException", _reasons("RESOURCE_LEVEL_THROTTLE")
    ),
    Row(Failure.THROTTLED_ACCOUNT, "RequestThrottledException"),
    Row(Failure.THROTTLED_ACCOUNT, "ThrottlingException"),
    # Not a credentials error: the bytes changed between hashing and sending.
    Row(Failure.CHECKSUM_MISMATCH, "InvalidSignatureException", message_has=CHECKSUM_DIFFERS),
    Row(Failure.SIGNATURE, "InvalidSignatureException"),
    Row(Failure.SIGNATURE, "ExpiredTokenException"),
    Row(Failure.SIGNATURE, "UnrecognizedClientException"),
    Row(Failure.SIGNATURE, "IncompleteSignatureException"),
    Row(Failure.SIGNATURE, "MissingAuthenticationTokenException"),
    # The only ValidationException that passes: the body arrived short or too slowly.
    Row(Failure.STALLED, "ValidationException", message_has=BODY_TOO_SHORT),
    Row(
        Failure.UNDOCUMENTED,
        "ValidationException",
        _reasons("CONFLICTING_BLOCK_UPDATE", "WRITE_REQUEST_TIMEOUT"),
    ),
    Row(
        Failure.KEY_UNUSABLE,
        "ValidationException",
        # A missing KMS permission, or a key that is disabled or gone, at any call.
        _reasons("INVALID_CUSTOMER_KEY", "INVALID_GRANT_TOKEN", "INVALID_DEPENDENCY_REQUEST"),
    ),
    # EC2 reports completed up to about 55 s before a child may be started.
    Row(
        Failure.NOT_YET_VISIBLE,
        "ValidationException",
        _reasons("INVALID_SNAPSHOT_ID"),
        "is not complete",
        "StartSnapshot",
    ),
    Row(Failure.INVALID, "ValidationException"),
    Row(Failure.NOT_YET_VISIBLE, "ResourceNotFoundException", _reasons("SNAPSHOT_NOT_FOUND")),
    Row(
        Failure.KEY_UNUSABLE,
        "ResourceNotFoundException",
        _reasons("GRANT_NOT_FOUND", "DEPENDENCY_RESOURCE_NOT_FOUND"),
    ),
    Row(Failure.GONE, "ResourceNotFoundException", _reasons("IMAGE_NOT_FOUND")),
    # Without a Reason it can only be the resource of the path: the snapshot.
    Row(Failure.NOT_YET_VISIBLE, "ResourceNotFoundException"),
    Row(Failure.CONFLICT, "ConflictException"),
    Row(Failure.KEY_UNUSABLE, "AccessDeniedException", _reasons("DEPENDENCY_ACCESS_DENIED")),
    Row(Failure.ACCESS_DENIED, "AccessDeniedException"),
    Row(Failure.QUOTA, "ServiceQuotaExceededException"),
    Row(Failure.CONCURRENT_LIMIT, "ConcurrentLimitExceededException"),
    Row(Failure.TRANSIENT, "InternalServerException"),
    Row(Failure.TRANSIENT, "ServiceUnavailableException"),
    # EC2: DescribeSnapshots and DeleteSnapshot.
    Row(Failure.GONE, "InvalidSnapshot.NotFound"),
    Row(Failure.INVALID, "InvalidSnapshot.InUse"),
    Row(Failure.INVALID, "InvalidSnapshotID.Malformed"),
    # EC2 and Systems Manager: what is made of snapshots.
    Row(Failure.GONE, "InvalidAMIID.NotFound"),
    Row(Failure.GONE, "InvalidAMIID.Unavailable"),
    Row(Failure.GONE, "InvalidVolume.NotFound"),
    Row(Failure.GONE, "InvalidLaunchTemplateId.NotFound"),
    Row(Failure.GONE, "ParameterNotFound"),
    Row(Failure.CONFLICT, "InvalidAMIName.Duplicate"),
    Row(Failure.CONFLICT, "IdempotentParameterMismatch"),
    # 20 copies to one Region at a time: one must end first.
    Row(Failure.CONCURRENT_LIMIT, "ResourceLimitExceeded", operation="CopySnapshot"),
    Row(Failure.QUOTA, "ResourceLimitExceeded"),
    Row(Failure.QUOTA, "VolumeLimitExceeded"),
    Row(Failure.QUOTA, "ParameterLimitExceeded"),
    Row(Failure.TRANSIENT, "TooManyUpdates"),
    Row(Failure.ACCESS_DENIED, "UnauthorizedOperation"),
    Row(Failure.ACCESS_DENIED, "AccessDenied"),
    Row(Failure.ACCESS_DENIED, "OptInRequired"),
    Row(Failure.ACCESS_DENIED, "Blocked"),
    Row(Failure.ACCESS_DENIED, "PendingVerification"),
    Row(Failure.THROTTLED_ACCOUNT, "RequestLimitExceeded"),
    Row(Failure.THROTTLED_ACCOUNT, "Throttling"),
    Row(Failure.SIGNATURE, "AuthFailure"),
    Row(Failure.SIGNATURE, "RequestExpired"),
    Row(Failure.SIGNATURE, "ExpiredToken"),
    Row(Failure.SIGNATURE, "InvalidClientTokenId"),
    Row(Failure.SIGNATURE, "SignatureDoesNotMatch"),
    Row(Failure.SIGNATURE, "IncompleteSignature"),
    Row(Failure.SIGNATURE, "RequestTimeTooSkewed"),  # S3's name of a clock that is wrong
    Row(Failure.TRANSIENT, "InternalError"),
    Row(Failure.TRANSIENT, "InternalFailure"),
    Row(Failure.TRANSIENT, "RequestTimeout"),
    Row(Failure.TRANSIENT, "ServiceUnavailable"),
    Row(Failure.TRANSIENT, "Unavailable"),
)

THROTTLES = frozenset({Failure.THROTTLED_ACCOUNT, Failure.THROTTLED_SNAPSHOT})

STATUSES: dict[int, Failure] = {
    # An answer whose code is missing or new: proxies and load balancers answer so.
    401: Failure.SIGNATURE,
    402: Failure.QUOTA,
    403: Failure.ACCESS_DENIED,
    407: Failure.PROXY_REFUSED,
    408: Failure.TRANSIENT,
    409: Failure.CONFLICT,
    425: Failure.TRANSIENT,
    429: Failure.THROTTLED_ACCOUNT,
}

_NEVER_THERE = frozenset({501, 505})
"""Not Implemented, HTTP Version Not Supported (RFC 9110): the server lacks it, and always will.
moto answers 501 to calls that it does not know."""


def classify(
    http_status: int | None,
    code: str | None = None,
    reason: str | None = None,
    message: str | None = None,
    operation: str | None = None,
) -> Failure:
    """Return what an answer that is no success means.

    Args:
        http_status: The answer's status; None where there was no answer.
        code: The error's code without its URL suffix, as ``ThrottlingException``.
        reason: The body's ``Reason``.
        message: The body's ``Message`` or ``message``.
        operation: As ``PutSnapshotBlock``.
    """
    known = _by_code(code, reason, (message or "").lower(), operation) if code else None
    if http_status in _NEVER_THERE:
        return Failure.INVALID
    if http_status is not None and http_status >= 500:
        # Any other 5xx passes, whatever it says; EC2 throttles with 503.
        return known if known in THROTTLES and known is not None else Failure.TRANSIENT
    if known is not None:
        return known
    if http_status is None or http_status < 400:
        # No answer, or one that no EBS server gives (a redirect, an empty success).
        return Failure.TRANSIENT
    return STATUSES.get(http_status, Failure.INVALID)


def denies_tags(error: ServiceError) -> bool:
    """Return whether a start was refused for its tags alone."""
    return error.failure is Failure.ACCESS_DENIED and TAGGING_ACTION in error.what


def _by_code(code: str, reason: str | None, text: str, operation: str | None) -> Failure | None:
    for row in TABLE:
        if (
            row.code == code
            and (row.reasons is None or reason in row.reasons)
            and row.message_has.lower() in text
            and row.operation in {None, operation}
        ):
            return row.failure
    return None
