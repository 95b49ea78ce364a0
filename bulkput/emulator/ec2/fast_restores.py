"""Fast snapshot restores: enabled zone by zone, through enabling, optimizing and enabled."""

import dataclasses
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, missing
from bulkput.emulator.ec2.regions import require_zone, zone_id, zones
from bulkput.emulator.ec2.select import filtered, page
from bulkput.emulator.ec2.snapshots import completed_snapshot
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import FastRestore

_SNAPSHOTS_MAX = 5
"""Snapshots with fast restores per Region (Service Quotas, L-4B9D55F1)."""
_REASON = "Client.UserInitiated"


def enable_fast_snapshot_restores(call: Ec2Call) -> Fields:
    """Enable them; a snapshot or a zone that cannot have them is reported beside the others."""
    shelf = call.account.resources.fast_restores
    successful, unsuccessful = [], []
    wanted_zones = _zones(call)
    for snapshot_id in call.given("SourceSnapshotIds"):
        try:
            completed_snapshot(call, snapshot_id)
            _require_room(call, snapshot_id)
        except Ec2Error as error:
            unsuccessful.append(_failed(snapshot_id, wanted_zones, error))
            continue
        for zone in wanted_zones:
            found = shelf.get(f"{snapshot_id}/{zone}", call.region)
            if found is None or found.disabled_unix_s is not None:
                found = shelf.put(
                    FastRestore(
                        name=f"{snapshot_id}/{zone}",
                        region=call.region,
                        started_unix_s=call.now_unix_s,
                        enabled_unix_s=call.ready_unix_s,
                    )
                )
            successful.append(_item(found, call.now_unix_s))
    return {"Successful": successful, "Unsuccessful": unsuccessful}


def disable_fast_snapshot_restores(call: Ec2Call) -> Fields:
    """Disable them."""
    shelf = call.account.resources.fast_restores
    successful, unsuccessful = [], []
    wanted_zones = _zones(call)
    for snapshot_id in call.given("SourceSnapshotIds"):
        for zone in wanted_zones:
            found = shelf.get(f"{snapshot_id}/{zone}", call.region)
            if found is None or found.disabled_unix_s is not None:
                message = f"Fast snapshot restore is not enabled for {snapshot_id} in {zone}."
                error = Ec2Error("InvalidFastSnapshotRestore.NotFound", message)
                unsuccessful.append(_failed(snapshot_id, [zone], error))
                continue
            changed = shelf.put(dataclasses.replace(found, disabled_unix_s=call.ready_unix_s))
            successful.append(_item(changed, call.now_unix_s))
    return {"Successful": successful, "Unsuccessful": unsuccessful}


def describe_fast_snapshot_restores(call: Ec2Call) -> Fields:
    """List them; what was disabled is not shown any more."""
    found = [
        _item(each, call.now_unix_s)
        for each in call.account.resources.fast_restores.in_region(call.region)
        if _state(each, call.now_unix_s) != "disabled"
    ]
    found = filtered(
        call,
        found,
        {
            "snapshot-id": lambda each: str(each["SnapshotId"]),
            "availability-zone": lambda each: str(each["AvailabilityZone"]),
            "state": lambda each: str(each["State"]),
            "owner-id": lambda _: OWNER_ID,
        },
        lambda _: (),
    )
    shown, token = page(call, found, low=1, high=200)
    items = [{**each, "OwnerId": OWNER_ID} for each in shown]
    return {"FastSnapshotRestores": items, "NextToken": token}


def _zones(call: Ec2Call) -> list[str]:
    names = [require_zone(call, each) for each in call.given("AvailabilityZones", [])]
    ids = {zone_id(each): each for each in zones(call.region)}
    names += [
        require_zone(call, ids.get(each, each)) for each in call.given("AvailabilityZoneIds", [])
    ]
    if not names:
        raise missing("AvailabilityZone")
    return names


def _require_room(call: Ec2Call, snapshot_id: str) -> None:
    enabled = {
        each.name.partition("/")[0]
        for each in call.account.resources.fast_restores.in_region(call.region)
        if each.disabled_unix_s is None
    }
    if len(enabled | {snapshot_id}) > _SNAPSHOTS_MAX:
        message = f"At most {_SNAPSHOTS_MAX} snapshots can have fast snapshot restores in a Region."
        raise Ec2Error("FastSnapshotRestoreLimitExceeded", message)


def _failed(snapshot_id: str, names: list[str], error: Ec2Error) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot_id,
        "FastSnapshotRestoreStateErrors": [
            {"AvailabilityZone": zone, "Error": {"Code": error.code, "Message": error.message}}
            for zone in names
        ],
    }


def _optimizing_unix_s(each: FastRestore) -> float:
    """Return when the first half is over, which is enabling."""
    return (each.started_unix_s + each.enabled_unix_s) / 2


def _state(each: FastRestore, now_unix_s: float) -> str:
    if each.disabled_unix_s is not None:
        return "disabling" if now_unix_s < each.disabled_unix_s else "disabled"
    if now_unix_s < _optimizing_unix_s(each):
        return "enabling"
    return "optimizing" if now_unix_s < each.enabled_unix_s else "enabled"


def _item(each: FastRestore, now_unix_s: float) -> dict[str, Any]:
    snapshot_id, _, zone = each.name.partition("/")
    state = _state(each, now_unix_s)
    is_enabled = state == "enabled"
    return {
        "SnapshotId": snapshot_id,
        "AvailabilityZone": zone,
        "State": state,
        "StateTransitionReason": _REASON,
        "OwnerId": OWNER_ID,
        "EnablingTime": each.started_unix_s,
        "OptimizingTime": _optimizing_unix_s(each) if state in ("optimizing", "enabled") else None,
        "EnabledTime": each.enabled_unix_s if is_enabled else None,
        "DisablingTime": each.disabled_unix_s,
    }
