"""The error that a fault answers with.

Owns the table from fault kinds to errors of the API. Knows nothing of connections.
"""

from collections.abc import Callable

from bulkput.emulator.account import Account
from bulkput.emulator.call import Call
from bulkput.emulator.errors import (
    HTTP_STATUS_BY_CODE,
    ApiError,
    body_unread,
    expired_token,
    internal,
    kms_refused,
    snapshot_not_found,
    throttled_account,
    throttled_snapshot,
)
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.signature import CLOCK_SKEW_MAX_S, SignatureError, check_clock, stamp

CLOCK_SKEW_DEFAULT_S = 2.0 * CLOCK_SKEW_MAX_S

_ERRORS: dict[FaultKind, Callable[[Account, Call], ApiError]] = {
    FaultKind.EARLY_ERROR: lambda _account, _call: throttled_snapshot(),
    FaultKind.THROTTLE_SNAPSHOT: lambda _account, _call: throttled_snapshot(),
    FaultKind.THROTTLE_ACCOUNT: lambda _account, _call: throttled_account(),
    FaultKind.INTERNAL_ERROR: lambda _account, _call: internal(),
    FaultKind.BODY_UNREAD: lambda _account, _call: body_unread(),
    FaultKind.ACCESS_DENIED: lambda account, call: account.denied(call),
    FaultKind.EXPIRED_TOKEN: lambda _account, _call: expired_token(),
    FaultKind.NOT_FOUND: lambda _account, call: snapshot_not_found(call.snapshot_id or "snap-0"),
    FaultKind.KMS_KEY: lambda _account, _call: ApiError(
        "ResourceNotFoundException",
        "The KMS key does not exist or is not usable.",
        "DEPENDENCY_RESOURCE_NOT_FOUND",
    ),
    FaultKind.KMS_ACCESS: lambda _account, _call: ApiError(
        "AccessDeniedException",
        "The caller is not allowed to use the KMS key.",
        "DEPENDENCY_ACCESS_DENIED",
    ),
    FaultKind.KMS_REFUSED: lambda account, call: kms_refused(account.default_key_arn(call.region)),
    FaultKind.KMS_THROTTLE: lambda _account, _call: throttled_snapshot(
        "DEPENDENCY_REQUEST_THROTTLED"
    ),
}


def fault_error(fault: Fault, account: Account, call: Call) -> ApiError:
    """Return the error of a fault that answers with one."""
    if fault.code is not None:
        return ApiError(
            fault.code,
            fault.message or "A scripted fault",
            fault.reason,
            http_status=fault.http_status or HTTP_STATUS_BY_CODE.get(fault.code, 400),
        )
    if fault.kind is FaultKind.CLOCK_SKEW:
        return _clock_error(account.clock.unix_s(), fault.delay_s or CLOCK_SKEW_DEFAULT_S)
    return _ERRORS[fault.kind](account, call)


def _clock_error(now_unix_s: float, ahead_s: float) -> ApiError:
    """Return what a server whose clock is ``ahead_s`` ahead answers to a request signed now."""
    try:
        check_clock(stamp(now_unix_s), now_unix_s + ahead_s)
    except SignatureError as error:
        return ApiError(error.code, error.message)
    raise ValueError(f"a skew of {ahead_s} s is within what the service allows")
