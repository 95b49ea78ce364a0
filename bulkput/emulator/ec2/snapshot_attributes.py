"""Who may make volumes of a snapshot."""

import dataclasses

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, missing
from bulkput.emulator.ec2.permissions import (
    EVERYBODY,
    changed_permissions,
    permission_items,
    permission_list,
)
from bulkput.emulator.ec2.snapshots import own_snapshot
from bulkput.emulator.snapshot import Snapshot


def modify_snapshot_attribute(call: Ec2Call) -> Fields:
    """Share a snapshot, or not any more."""
    snapshot = own_snapshot(call, call.given("SnapshotId"))
    older = permission_list(
        call.given("OperationType"), UserId=call.given("UserIds"), Group=call.given("GroupNames")
    )
    change = call.given("CreateVolumePermission") or older
    if not change:
        raise missing("CreateVolumePermission")
    record = snapshot.record
    held = changed_permissions(
        record.create_volume_permissions, change.get("Add", []), change.get("Remove", [])
    )
    _check_sharing(call, snapshot, set(held) - set(record.create_volume_permissions))
    fresh = dataclasses.replace(record, create_volume_permissions=held)
    call.account.store.replace(fresh)
    return {}


def describe_snapshot_attribute(call: Ec2Call) -> Fields:
    """Show who may make volumes of a snapshot."""
    snapshot = own_snapshot(call, call.given("SnapshotId"))
    name = call.given("Attribute")
    if name == "productCodes":
        return {"SnapshotId": snapshot.record.snapshot_id, "ProductCodes": []}
    held = snapshot.record.create_volume_permissions
    return {
        "SnapshotId": snapshot.record.snapshot_id,
        "CreateVolumePermissions": permission_items(held),
    }


def reset_snapshot_attribute(call: Ec2Call) -> Fields:
    """Share a snapshot with nobody."""
    snapshot = own_snapshot(call, call.given("SnapshotId"))
    fresh = dataclasses.replace(snapshot.record, create_volume_permissions=())
    call.account.store.replace(fresh)
    return {}


def _check_sharing(call: Ec2Call, snapshot: Snapshot, fresh: set[str]) -> None:
    if not fresh:
        return
    record = snapshot.record
    if record.encrypted and record.kms_key_arn == call.account.aws_key_arn(call.region):
        message = "Encrypted snapshots with EBS default key cannot be shared"
        raise Ec2Error("OperationNotPermitted", message)
    if EVERYBODY not in fresh:
        return
    if record.encrypted:
        raise Ec2Error("OperationNotPermitted", "Encrypted snapshots cannot be shared publicly")
    if call.account.resources.settings_of(call.region).snapshot_block != "unblocked":
        message = "Block public access for snapshots is enabled for this account in this Region"
        raise Ec2Error("OperationNotPermitted", message)
