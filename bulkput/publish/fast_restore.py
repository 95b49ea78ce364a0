"""Fast snapshot restore: enabled in the zones in which it is not. Optimizing takes its own time."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bulkput.model.errors import SnapshotError
from bulkput.publish.account import Account, all_pages

_ON = frozenset({"enabling", "optimizing", "enabled"})


def zones_to_enable(wanted: Sequence[str], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the zones in which it is neither enabled nor about to be."""
    on = {each.get("AvailabilityZone") for each in found if each.get("State") in _ON}
    return [zone for zone in wanted if zone not in on]


async def ensure_fast_restore(account: Account, snapshot_id: str, zones: Sequence[str]) -> None:
    """Enable it in ``zones``.

    Raises:
        SnapshotError: EC2 enables it not everywhere.
        BulkputError: EC2 refuses.
    """
    await account.repeat(partial(_enable, account, snapshot_id, zones))


async def _enable(account: Account, snapshot_id: str, zones: Sequence[str]) -> None:
    asked = {"Filters": [{"Name": "snapshot-id", "Values": [snapshot_id]}]}
    found = await all_pages(
        account,
        "DescribeFastSnapshotRestores",
        asked,
        "FastSnapshotRestores",
        region=account.region,
    )
    lacking = zones_to_enable(zones, found)
    if not lacking:
        return
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
