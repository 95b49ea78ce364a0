"""DescribeSnapshots and DeleteSnapshot, and the rule by which the other actions find a snapshot."""

from collections.abc import Callable
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import (
    Ec2Error,
    incorrect_state,
    snapshot_not_found,
    unauthorized,
)
from bulkput.emulator.ec2.permissions import EVERYBODY
from bulkput.emulator.ec2.select import Values, account_ids, filtered, page
from bulkput.emulator.ec2.tags import tag_set
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Lock
from bulkput.emulator.snapshot import Snapshot, State
from bulkput.emulator.validation import SNAPSHOT_ID

_VOLUME_ID = "vol-ffffffff"
"""What DescribeSnapshots shows for a snapshot that was made of no volume, and for a copy."""


def existing_snapshot(call: Ec2Call, snapshot_id: str) -> Snapshot:
    """Return a snapshot of the Region, whatever its state.

    Raises:
        Ec2Error: the id is none, or there is no such snapshot.
    """
    if not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise Ec2Error(
            "InvalidParameterValue",
            f"Value ({snapshot_id}) for parameter snapshotId is invalid. Expected: 'snap-...'.",
        )
    snapshot = call.account.snapshot_in(snapshot_id, call.region)
    if snapshot is None or snapshot.record.deleted:
        raise snapshot_not_found(snapshot_id)
    return snapshot


def own_snapshot(call: Ec2Call, snapshot_id: str) -> Snapshot:
    """Return a snapshot of the account.

    Raises:
        Ec2Error: there is none, or it is another account's.
    """
    snapshot = existing_snapshot(call, snapshot_id)
    if snapshot.record.owner_id != OWNER_ID:
        raise unauthorized()
    return snapshot


def completed_snapshot(call: Ec2Call, snapshot_id: str) -> Snapshot:
    """Return a snapshot that something can be made of.

    Raises:
        Ec2Error: there is none, or it is pending or in error.
    """
    snapshot = existing_snapshot(call, snapshot_id)
    state, _ = snapshot.state(call.now_unix_s)
    if state is not State.COMPLETED:
        raise incorrect_state(f"The snapshot '{snapshot_id}' is not completed: it is '{state}'.")
    return snapshot


def describe_snapshots(call: Ec2Call) -> Fields:
    """List snapshots, oldest first."""
    wanted = call.given("SnapshotIds")
    if wanted:
        found = [existing_snapshot(call, snapshot_id) for snapshot_id in wanted]
    else:
        found = [
            each
            for each in call.account.store
            if each.record.is_in(call.region) and each.state(call.now_unix_s)[0] is not State.GONE
        ]
    found.sort(key=lambda each: (each.record.started_unix_s, each.record.snapshot_id))
    facts = {
        **_FACTS,
        "status": lambda each: str(each.state(call.now_unix_s)[0]),
        "progress": lambda each: _progress(each, call.now_unix_s),
    }
    found = filtered(call, found, facts, lambda each: each.record.tags or ())
    owners = account_ids(call.given("OwnerIds"))
    found = [each for each in found if not owners or each.record.owner_id in owners]
    restorers = account_ids(call.given("RestorableByUserIds"))
    found = [each for each in found if not restorers or _restorers(each) & restorers]
    shown, token = page(call, found)
    return {"Snapshots": [_item(each, call.now_unix_s) for each in shown], "NextToken": token}


def delete_snapshot(call: Ec2Call) -> Fields:
    """Delete a snapshot that nothing needs any more."""
    snapshot_id = call.given("SnapshotId")
    own_snapshot(call, snapshot_id)
    users = images_of_snapshot(call, snapshot_id)
    if users:
        message = f"The snapshot {snapshot_id} is currently in use by {users[0]}"
        raise Ec2Error("InvalidSnapshot.InUse", message)
    if live_lock(call, snapshot_id) is not None:
        message = f"The snapshot {snapshot_id} is locked and cannot be deleted"
        raise Ec2Error("OperationNotPermitted", message)
    remove_snapshot(call, snapshot_id)
    return {}


def live_lock(call: Ec2Call, snapshot_id: str) -> Lock | None:
    """Return the lock that keeps a snapshot from being deleted; None for an expired one."""
    lock = call.account.resources.locks.get(snapshot_id, call.region)
    return lock if lock is not None and call.now_unix_s < lock.expires_unix_s else None


def remove_snapshot(call: Ec2Call, snapshot_id: str) -> None:
    """Delete a snapshot with what belongs to it, nothing checked any more."""
    resources = call.account.resources
    lock = resources.locks.get(snapshot_id, call.region)
    if lock is not None:
        resources.locks.remove(lock)
    for each in list(resources.fast_restores.in_region(call.region)):
        if each.name.startswith(f"{snapshot_id}/"):
            resources.fast_restores.remove(each)
    call.account.store.delete(snapshot_id)
    call.account.quotas.forget(snapshot_id)


def images_of_snapshot(call: Ec2Call, snapshot_id: str) -> list[str]:
    """Return the ids of the images that a snapshot is a disk of."""
    return [
        image.name
        for image in call.account.resources.images.in_region(call.region)
        if any(each.get("Ebs", {}).get("SnapshotId") == snapshot_id for each in image.mappings)
    ]


def _restorers(snapshot: Snapshot) -> set[str]:
    record = snapshot.record
    everybody = {EVERYBODY} if record.is_public else set()
    return {record.owner_id, *record.create_volume_permissions} | everybody


_FACTS: dict[str, Callable[[Snapshot], Values]] = {
    "snapshot-id": lambda each: each.record.snapshot_id,
    "description": lambda each: each.record.description or "",
    "volume-size": lambda each: str(each.record.volume_size_gib),
    "encrypted": lambda each: str(each.record.encrypted).lower(),
    "owner-id": lambda each: each.record.owner_id,
    "volume-id": lambda _: _VOLUME_ID,
    "storage-tier": lambda _: "standard",
}


def _item(snapshot: Snapshot, now_unix_s: float) -> dict[str, Any]:
    record = snapshot.record
    state, message = snapshot.state(now_unix_s)
    is_completed = state is State.COMPLETED
    return {
        "SnapshotId": record.snapshot_id,
        "VolumeId": _VOLUME_ID,
        "State": state,
        "StateMessage": message or None,
        "StartTime": record.started_unix_s,
        "CompletionTime": record.settles_unix_s if is_completed else None,
        "Progress": _progress(snapshot, now_unix_s),
        "OwnerId": record.owner_id,
        "VolumeSize": record.volume_size_gib,
        "Description": record.description or "",
        "Encrypted": record.encrypted,
        "KmsKeyId": record.kms_key_arn,
        "Tags": tag_set(record.tags),
        "StorageTier": "standard",
        "TransferType": "standard",
        "FullSnapshotSizeInBytes": snapshot.held_count * BLOCK_SIZE_BYTES if is_completed else None,
    }


def _progress(snapshot: Snapshot, now_unix_s: float) -> str:
    """Return how far EC2 says that it is: no puts count, and without any there is little to do."""
    record = snapshot.record
    state, _ = snapshot.state(now_unix_s)
    if state is State.COMPLETED:
        return "100%"
    if state is not State.PENDING or record.settles_unix_s is None:
        return "0%"
    if record.is_copy:
        whole_s = record.settles_unix_s - record.started_unix_s
        return (
            f"{round(100 * (now_unix_s - record.started_unix_s) / whole_s)}%" if whole_s else "0%"
        )
    return "0%" if snapshot.layers[0].written_count else "99%"
