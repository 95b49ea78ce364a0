"""The errors that the service answers: codes, their HTTP status, reasons and exact messages.

Owns the wording, as documented or captured from the EBS direct API. Knows nothing of HTTP
libraries or of what led to the error.
"""

from bulkput.emulator.geometry import BLOCK_SIZE_BYTES

HTTP_STATUS_BY_CODE = {
    "AccessDeniedException": 403,
    "ConcurrentLimitExceededException": 400,
    "ConflictException": 409,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 400,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestThrottledException": 400,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 400,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}

FRONT_CODES = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SerializationException",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
    }
)
"""Answered before the service itself is reached: body ``{"message": ...}``, no Reason."""


class ApiError(Exception):
    """An error answer of the EBS direct API."""

    def __init__(
        self,
        code: str,
        message: str,
        reason: str | None = None,
        *,
        http_status: int | None = None,
        front: bool | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.reason = reason
        self.http_status = HTTP_STATUS_BY_CODE[code] if http_status is None else http_status
        self.front = code in FRONT_CODES if front is None else front
        super().__init__(f"{self.http_status} {code}/{reason}: {message}")

    @property
    def namespace(self) -> str:
        """Which part of the service answers, as x-amzn-ErrorType names it."""
        if self.front and self.code == "ValidationException":
            return "com.amazon.coral.validate"
        is_of_iam = self.code == "AccessDeniedException" and self.reason is None
        if self.front or is_of_iam:
            return "com.amazon.coral.service"
        return "com.amazon.zeppelindataservice"

    def body(self) -> dict[str, str]:
        """Return the JSON body in the form that the service uses for this error."""
        if self.front:
            return {"message": self.message}
        if self.reason is None:
            return {"Message": self.message}
        return {"Message": self.message, "Reason": self.reason}


def constraint_violations(violations: list[str]) -> ApiError:
    """Return the answer to values outside the service model's constraints; at least one."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    text = f"{count} validation {noun} detected: {'; '.join(violations)}"
    return ApiError("ValidationException", text, front=True)


def serialization(message: str) -> ApiError:
    """Return the answer to a request that cannot be read into the operation's types."""
    return ApiError("SerializationException", message)


def invalid(reason: str, message: str) -> ApiError:
    """Return a ValidationException of the service's own."""
    return ApiError("ValidationException", message, reason)


def invalid_parameter(message: str) -> ApiError:
    """Return a ValidationException with Reason INVALID_PARAMETER_VALUE."""
    return invalid("INVALID_PARAMETER_VALUE", message)


def snapshot_not_found(snapshot_id: str) -> ApiError:
    """Return the 404 of a snapshot that is unknown, errored, or not readable yet."""
    message = f"The snapshot '{snapshot_id}' does not exist."
    return ApiError("ResourceNotFoundException", message, "SNAPSHOT_NOT_FOUND")


def already_completed() -> ApiError:
    """Return the answer to a put after CompleteSnapshot."""
    return invalid("INVALID_SNAPSHOT_ID", "Snapshot is already completed")


def parent_not_complete(snapshot_id: str) -> ApiError:
    """Return the answer to a parent that is pending, or not yet complete on the direct side."""
    return invalid("INVALID_SNAPSHOT_ID", f"Source snapshot ({snapshot_id}) is not complete.")


def block_beyond_volume(block_index: int) -> ApiError:
    """Return the answer to a block index outside the volume."""
    message = f"Block index {block_index} is beyond the volume size extent"
    return invalid("INVALID_BLOCK", message)


def block_length(length_bytes: int) -> ApiError:
    """Return the answer to a length other than one block."""
    return invalid(
        "INVALID_BLOCK",
        f"Block data length {length_bytes} is not valid, expected {BLOCK_SIZE_BYTES}",
    )


def body_unread() -> ApiError:
    """Return the retryable answer to a body that came short or too slowly."""
    return invalid_parameter("Failed to read block data")


def checksum_mismatch(computed_b64: str, expected_b64: str) -> ApiError:
    """Return the 403 to bytes that do not have the checksum sent with them."""
    return ApiError(
        "InvalidSignatureException",
        "The value passed in as x-amz-Checksum does not match the computed checksum. "
        f"Computed checksum: {computed_b64} expected checksum: {expected_b64}",
    )


def unsupported_algorithm(name: str) -> ApiError:
    """Return the answer to a checksum algorithm other than SHA256."""
    return invalid_parameter(
        f"Unsupported Checksum Algorithm '{name}', supported algorithms are SHA256"
    )


def bad_page_token(token: str) -> ApiError:
    """Return the answer to a page token that is damaged, foreign or older than an hour."""
    return invalid("INVALID_PAGE_TOKEN", f"The pagination token {token} is invalid.")


def bad_block_token(token: str) -> ApiError:
    """Return the answer to a block token that is damaged, foreign or older than a week."""
    return invalid("INVALID_BLOCK_TOKEN", f"The block token {token} is invalid.")


def throttled_account() -> ApiError:
    """Return the account's throttle, which any call may meet."""
    return ApiError("ThrottlingException", "Rate exceeded")


def throttled_snapshot(reason: str = "RESOURCE_LEVEL_THROTTLE") -> ApiError:
    """Return the snapshot's throttle, which gets and puts meet."""
    message = "The request was throttled: request rate exceeded for the resource"
    return ApiError("RequestThrottledException", message, reason)


def too_many_pending(limit: int) -> ApiError:
    """Return the answer to one StartSnapshot more than may be pending."""
    message = f"You have reached the limit of {limit} concurrent pending snapshots."
    return ApiError("ConcurrentLimitExceededException", message)


def token_conflict() -> ApiError:
    """Return the 409 of a ClientToken used before with other parameters."""
    message = "Current request does not match request stored with this token."
    return ApiError("ConflictException", message)


def internal() -> ApiError:
    """Return the 500 that explains nothing."""
    return ApiError("InternalServerException", "An internal error has occurred")


def kms_refused(key_arn: str) -> ApiError:
    """Return the answer to a key that is disabled, or that the caller may not use.

    Code and Reason as captured at start, put, get, list and a child's start; the words are not.
    """
    return invalid("INVALID_DEPENDENCY_REQUEST", f"The KMS key {key_arn} cannot be used.")


def first_snapshot_missing() -> ApiError:
    """Return the answer to a comparison with nothing."""
    return invalid("INVALID_SNAPSHOT_ID", "First snapshot should not be empty or null")


def public_snapshot(snapshot_id: str) -> ApiError:
    """Return the answer to another account's public snapshot; its words are not captured."""
    return invalid("INVALID_SNAPSHOT_ID", f"The snapshot '{snapshot_id}' is not supported.")


def access_denied(action: str, region: str, snapshot: str, owner_id: str) -> ApiError:
    """Return IAM's refusal of ``ebs:...`` or ``ec2:...``: no Reason, but user and resource."""
    resource = f"arn:aws:ec2:{region}::snapshot/{snapshot}"
    return ApiError(
        "AccessDeniedException",
        f"User: arn:aws:iam::{owner_id}:user/rehearsal is not authorized to perform: "
        f"{action} on resource: {resource} because no identity-based policy allows "
        f"the {action} action",
    )


def expired_token() -> ApiError:
    """Return the 403 of a session whose time is over."""
    return ApiError(
        "ExpiredTokenException", "The security token included in the request is expired"
    )


def wrong_host() -> ApiError:
    """Return the emulator's own refusal of a request that a web page may have sent."""
    message = (
        "This server answers requests to an address, to localhost or to its own --host, and not "
        "those of web pages"
    )
    return ApiError("AccessDeniedException", message, front=True)


def unsigned_body() -> ApiError:
    """Return the emulator's own refusal of a control request that anybody may have changed."""
    return ApiError("InvalidSignatureException", "The body must be signed")
