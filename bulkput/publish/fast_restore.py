"""Fast snapshot restore: enabled in the zones in which it is not, and waited for if wanted."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bulkput.model.errors import SnapshotError
from bulkput.publish.account import Account, all_pages, wait_until

OPTIMIZING_S_PER_TIB = 3600.0
"""AWS's documented rate, "60 minutes per TiB":
https://docs.aws.amazon.com/ebs/latest/userguide/view-fsr-enabled-snapshots.html"""

_ENABLED = "enabled"
_ON = frozenset({"enabling", "optimizing", _ENABLED})


def zones_to_enable(wanted: Sequence[str], states: Mapping[str, str]) -> list[str]:
    """Return the zones in which it is neither enabled nor about to be."""
    return [zone for zone in wanted if states.get(zone) not in _ON]


async def ensure_fast_restore(
    account: Account, snapshot_id: str, zones: Sequence[str]
) -> dict[str, str]:
    """Enable it in ``zones``, and return its state in each: ``enabling`` to ``enabled``.

    Raises:
        SnapshotError: EC2 enables it not everywhere.
        BulkputError: EC2 refuses.
    """
    states = await account.repeat(partial(_enable, account, snapshot_id, zones))
    return {zone: states.get(zone, "enabling") for zone in zones}


async def wait_for_fast_restore(
    account: Account, source: Mapping[str, Any], zones: Sequence[str]
) -> dict[str, str]:
    """Wait until it is enabled in all of ``zones``, and return its state in each.

    Args:
        account: Where the snapshot is.
        source: The snapshot, as EC2 describes it.
        zones: Where it is being enabled.

    Raises:
        SnapshotError: it is disabled again.
        TemporaryError: it takes longer than the account's limit after AWS's documented time.
        BulkputError: EC2 refuses.
    """
    snapshot_id = source["SnapshotId"]

    async def look() -> dict[str, str] | None:
        states = await _states(account, snapshot_id)
        off = [zone for zone in zones if states.get(zone, _ENABLED) not in _ON]
        if off:
            what = f"fast snapshot restore is {states[off[0]]} in {off[0]}: run again to enable it"
            raise SnapshotError(snapshot_id, what)
        return states if all(states.get(zone) == _ENABLED for zone in zones) else None

    size_tib = float(source.get("VolumeSize") or 0) / 1024
    states = await wait_until(
        account,
        look,
        what=f"fast restore of {snapshot_id} in {', '.join(zones)}",
        state=_ENABLED,
        longer_s=size_tib * OPTIMIZING_S_PER_TIB,
    )
    return {zone: states[zone] for zone in zones}


def not_yet_enabled(region: str, snapshot_id: str, states: Mapping[str, str]) -> str | None:
    """Return what the user should know of zones in which it takes its time; None if there is none.

    Args:
        region: Where the snapshot is.
        snapshot_id: The snapshot.
        states: By zone.
    """
    waiting = [f"{zone} ({state})" for zone, state in states.items() if state != _ENABLED]
    if not waiting:
        return None
    return (
        f"fast restore of {snapshot_id} is not enabled yet in {', '.join(waiting)}, which takes "
        "EC2 about an hour for each TiB; until then a volume made there is slower at the first "
        f"read of a block. To see its state: aws ec2 describe-fast-snapshot-restores --region "
        f"{region} --filters Name=snapshot-id,Values={snapshot_id}"
    )


async def _states(account: Account, snapshot_id: str) -> dict[str, str]:
    asked = {"Filters": [{"Name": "snapshot-id", "Values": [snapshot_id]}]}
    found = await all_pages(
        account,
        "DescribeFastSnapshotRestores",
        asked,
        "FastSnapshotRestores",
        region=account.region,
    )
    return _by_zone(found)


def _by_zone(items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(each.get("AvailabilityZone")): str(each.get("State")) for each in items}


async def _enable(account: Account, snapshot_id: str, zones: Sequence[str]) -> dict[str, str]:
    states = await _states(account, snapshot_id)
    lacking = zones_to_enable(zones, states)
    if not lacking:
        return states
    answer = await account.call(
        "EnableFastSnapshotRestores",
        {"AvailabilityZones": lacking, "SourceSnapshotIds": [snapshot_id]},
        region=account.region,
    )
    for refused in answer.get("Unsuccessful") or ():
        for each in refused.get("FastSnapshotRestoreStateErrors") or ():
            why = (each.get("Error") or {}).get("Message") or "EC2 gives no reason"
            where = each.get("AvailabilityZone")
            raise SnapshotError(snapshot_id, f"no fast snapshot restore in {where}: {why}")
    enabled = _by_zone(answer.get("Successful") or ())
    return {**states, **dict.fromkeys(lacking, "enabling"), **enabled}
