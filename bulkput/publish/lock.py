"""The lock of a snapshot: set, made longer, or left as it is. Never made weaker."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bulkput.config.publishing import LockSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.publish.account import Account

_COMPLIANCE = frozenset({"compliance", "compliance-cooloff"})
_HELD = _COMPLIANCE | {"governance"}


def lock_to_set(
    wanted: LockSettings, snapshot_id: str, found: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return what LockSnapshot takes; None if the snapshot is locked as wanted, or better.

    Args:
        wanted: The lock.
        snapshot_id: Of which snapshot.
        found: What DescribeLockedSnapshots says of it; None of one that is not locked.

    Raises:
        ConfigError: a compliance lock would become a weaker one.
    """
    state = None if found is None else found.get("LockState")
    if found is not None and state in _HELD:
        if state in _COMPLIANCE and wanted.mode == "governance":
            what = f"{snapshot_id} has a compliance lock, which cannot become a weaker one"
            raise ConfigError((Problem("lock.mode", what),))
        is_as_strong = state in _COMPLIANCE or wanted.mode == "governance"
        if is_as_strong and _lasts(wanted, found):
            return None
    parameters: dict[str, Any] = {"SnapshotId": snapshot_id, "LockMode": wanted.mode}
    if wanted.until is None:
        parameters["LockDuration"] = wanted.duration_days
    else:
        parameters["ExpirationDate"] = _day(wanted.until)
    return parameters


def _lasts(wanted: LockSettings, found: Mapping[str, Any]) -> bool:
    """Return whether a lock lasts as long as it is wanted."""
    if wanted.until is None:
        return int(found.get("LockDuration") or 0) >= (wanted.duration_days or 0)
    expires = found.get("LockExpiresOn")
    return isinstance(expires, datetime) and expires >= _day(wanted.until)


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


async def ensure_locked(account: Account, snapshot_id: str, wanted: LockSettings) -> None:
    """Lock the snapshot at least so long.

    Raises:
        ConfigError: it has a lock that cannot become this one.
        BulkputError: EC2 refuses.
    """
    await account.repeat(partial(_lock, account, snapshot_id, wanted))


async def _lock(account: Account, snapshot_id: str, wanted: LockSettings) -> None:
    asked = {"SnapshotIds": [snapshot_id]}
    answer = await account.call("DescribeLockedSnapshots", asked, region=account.region)
    found = next(
        (each for each in answer.get("Snapshots") or () if each.get("SnapshotId") == snapshot_id),
        None,
    )
    parameters = lock_to_set(wanted, snapshot_id, found)
    if parameters is not None:
        await account.call("LockSnapshot", parameters, region=account.region)
