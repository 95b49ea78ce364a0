"""LockSnapshot, UnlockSnapshot and DescribeLockedSnapshots.

After the EC2 API Reference, "LockSnapshot": what may still be changed depends on the mode and on
whether the cooling-off period is over.
"""

from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import (
    Ec2Error,
    incorrect_state,
    invalid_combination,
    invalid_value,
    missing,
)
from bulkput.emulator.ec2.select import filtered, page
from bulkput.emulator.ec2.snapshots import existing_snapshot, live_lock, own_snapshot
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Lock
from bulkput.emulator.snapshot import State

_DAY_S, _HOUR_S = 86_400, 3_600
_DAYS = (1, 36_500)
_COOL_OFF_HOURS = (1, 72)


def lock_snapshot(call: Ec2Call) -> Fields:
    """Lock a snapshot, or change its lock as far as that is allowed."""
    snapshot = own_snapshot(call, call.given("SnapshotId"))
    state, _ = snapshot.state(call.now_unix_s)
    if state is State.ERROR:
        raise incorrect_state(f"The snapshot '{snapshot.record.snapshot_id}' is in error.")
    mode, hours = call.given("LockMode"), call.given("CoolOffPeriod")
    if hours is not None:
        if mode != "compliance":
            raise invalid_combination("CoolOffPeriod can be used with the mode compliance only")
        if not _COOL_OFF_HOURS[0] <= hours <= _COOL_OFF_HOURS[1]:
            raise invalid_value(hours, "coolOffPeriod", "Expected from 1 to 72.")
    until_unix_s = _expiry(call)
    shelf = call.account.resources.locks
    held = live_lock(call, snapshot.record.snapshot_id)
    is_final = held is not None and _state(held, call.now_unix_s) == "compliance"
    is_longer = held is None or until_unix_s >= held.expires_unix_s
    if is_final and (mode != "compliance" or hours is not None or not is_longer):
        message = "A lock in compliance mode can only be extended after its cooling-off period"
        raise Ec2Error("InvalidParameterValue", message)
    lock = Lock(
        name=snapshot.record.snapshot_id,
        region=call.region,
        mode=mode,
        created_unix_s=call.now_unix_s if held is None else held.created_unix_s,
        duration_start_unix_s=call.now_unix_s,
        expires_unix_s=until_unix_s,
        cool_off_hours=hours,
        cool_off_until_unix_s=None if hours is None else call.now_unix_s + hours * _HOUR_S,
    )
    return _item(shelf.put(lock), call.now_unix_s)


def unlock_snapshot(call: Ec2Call) -> Fields:
    """Unlock a snapshot that is not in compliance mode for good."""
    snapshot_id = call.given("SnapshotId")
    own_snapshot(call, snapshot_id)
    held = live_lock(call, snapshot_id)
    if held is None:
        raise incorrect_state(f"The snapshot '{snapshot_id}' is not locked.")
    if _state(held, call.now_unix_s) == "compliance":
        message = f"The snapshot '{snapshot_id}' is locked in compliance mode"
        raise Ec2Error("OperationNotPermitted", message)
    call.account.resources.locks.remove(held)
    return {"SnapshotId": snapshot_id}


def describe_locked_snapshots(call: Ec2Call) -> Fields:
    """List locks, those that have expired too."""
    wanted = call.given("SnapshotIds")
    for each in wanted or ():
        existing_snapshot(call, each)
    found = [
        _item(each, call.now_unix_s)
        for each in call.account.resources.locks.in_region(call.region)
        if not wanted or each.name in wanted
    ]
    found = filtered(call, found, {"lock-state": lambda each: str(each["LockState"])}, lambda _: ())
    shown, token = page(call, found)
    return {"Snapshots": [{"OwnerId": OWNER_ID, **each} for each in shown], "NextToken": token}


def _expiry(call: Ec2Call) -> float:
    days, until_unix_s = call.given("LockDuration"), call.given("ExpirationDate")
    if days is not None and until_unix_s is not None:
        raise invalid_combination("LockDuration and ExpirationDate cannot be used together")
    if days is not None:
        if not _DAYS[0] <= days <= _DAYS[1]:
            raise invalid_value(days, "lockDuration", f"Expected from {_DAYS[0]} to {_DAYS[1]}.")
        return float(call.now_unix_s + days * _DAY_S)
    if until_unix_s is None:
        raise missing("LockDuration or ExpirationDate")
    if until_unix_s < call.now_unix_s + _DAY_S:
        raise invalid_value(until_unix_s, "expirationDate", "Expected: at least a day from now.")
    return float(until_unix_s)


def _state(lock: Lock, now_unix_s: float) -> str:
    if now_unix_s >= lock.expires_unix_s:
        return "expired"
    cool_off = lock.cool_off_until_unix_s
    if lock.mode == "compliance" and cool_off is not None and now_unix_s < cool_off:
        return "compliance-cooloff"
    return lock.mode


def _item(lock: Lock, now_unix_s: float) -> dict[str, Any]:
    return {
        "SnapshotId": lock.name,
        "LockState": _state(lock, now_unix_s),
        "LockDuration": round((lock.expires_unix_s - lock.duration_start_unix_s) / _DAY_S),
        "CoolOffPeriod": lock.cool_off_hours,
        "CoolOffPeriodExpiresOn": lock.cool_off_until_unix_s,
        "LockCreatedOn": lock.created_unix_s,
        "LockDurationStartTime": lock.duration_start_unix_s,
        "LockExpiresOn": lock.expires_unix_s,
    }
