"""DescribeImages and DeregisterImage, and the rule by which the other actions find an image."""

from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, images_not_found
from bulkput.emulator.ec2.select import filtered, page
from bulkput.emulator.ec2.snapshots import images_of_snapshot, remove_snapshot
from bulkput.emulator.ec2.tags import tag_set
from bulkput.emulator.ec2.text import iso
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Image

EVERYBODY = "all"


def existing_image(call: Ec2Call, image_id: str) -> Image:
    """Return an image of the Region, whatever its state.

    Raises:
        Ec2Error: the id is none, or there is no such image.
    """
    _check_id(image_id)
    found = call.account.resources.images.get(image_id, call.region)
    if found is None:
        raise images_not_found([image_id])
    return found


def image_state(image: Image, now_unix_s: float) -> str:
    """Return what EC2 calls its state."""
    if now_unix_s < image.available_unix_s:
        return "pending"
    return "failed" if image.failure else "available"


def describe_images(call: Ec2Call) -> Fields:
    """List images, oldest first."""
    images = call.account.resources.images
    wanted = call.given("ImageIds")
    if wanted:
        for each in wanted:
            _check_id(each)
        missing = [each for each in wanted if images.get(each, call.region) is None]
        if missing:
            raise images_not_found(missing)
        found = [existing_image(call, each) for each in dict.fromkeys(wanted)]
    else:
        found = list(images.in_region(call.region))
    owners = call.given("Owners")
    if owners and not {"self", OWNER_ID} & set(owners):
        found = []
    users = set(call.given("ExecutableUsers", ()))
    if users:
        wanted_users = {OWNER_ID if each == "self" else each for each in users}
        found = [each for each in found if wanted_users & set(each.launch_permissions)]
    found = filtered(
        call, found, lambda each: _facts(each, call.now_unix_s), lambda each: each.tags
    )
    shown, token = page(call, found, low=1, ids="ImageIds")
    return {"Images": [_item(each, call.now_unix_s) for each in shown], "NextToken": token}


def deregister_image(call: Ec2Call) -> Fields:
    """Forget an image, and where it is asked for, its snapshots that no other image uses."""
    image = existing_image(call, call.given("ImageId"))
    call.account.resources.images.remove(image)
    if not call.given("DeleteAssociatedSnapshots"):
        return {"Return": True}
    results = []
    for mapping in image.mappings:
        snapshot_id = mapping.get("Ebs", {}).get("SnapshotId")
        if snapshot_id:
            results.append({"SnapshotId": snapshot_id, "ReturnCode": _deleted(call, snapshot_id)})
    return {"Return": True, "DeleteSnapshotResults": results}


def _deleted(call: Ec2Call, snapshot_id: str) -> str:
    """Delete a snapshot, and return what DeregisterImage reports of it."""
    snapshot = call.account.snapshot_in(snapshot_id, call.region)
    if snapshot is None or snapshot.record.deleted or snapshot.record.owner_id != OWNER_ID:
        return "client-error"
    lock = call.account.resources.locks.get(snapshot_id, call.region)
    is_locked = lock is not None and call.now_unix_s < lock.expires_unix_s
    if is_locked or images_of_snapshot(call, snapshot_id):
        return "skipped"
    remove_snapshot(call, snapshot_id)
    return "success"


def _check_id(image_id: str) -> None:
    if not image_id.startswith("ami-"):
        message = f'Invalid id: "{image_id}" (expecting "ami-...")'
        raise Ec2Error("InvalidAMIID.Malformed", message)


def _facts(image: Image, now_unix_s: float) -> dict[str, str | list[str]]:
    has = image.attributes
    disks = [each["Ebs"] for each in image.mappings if "Ebs" in each]
    return {
        "image-id": image.name,
        "name": image.title,
        "state": image_state(image, now_unix_s),
        "description": has.get("Description") or "",
        "architecture": has["Architecture"],
        "boot-mode": has.get("BootMode") or "",
        "owner-id": OWNER_ID,
        "is-public": str(EVERYBODY in image.launch_permissions).lower(),
        "creation-date": iso(image.created_unix_s),
        "image-type": "machine",
        "root-device-name": has["RootDeviceName"],
        "root-device-type": "ebs",
        "virtualization-type": has["VirtualizationType"],
        "hypervisor": "xen",
        "ena-support": str(bool(has.get("EnaSupport"))).lower(),
        "tpm-support": has.get("TpmSupport") or "",
        "imds-support": has.get("ImdsSupport") or "",
        "source-image-id": has.get("SourceImageId") or "",
        "source-image-region": has.get("SourceImageRegion") or "",
        "block-device-mapping.device-name": [each["DeviceName"] for each in image.mappings],
        "block-device-mapping.snapshot-id": [each.get("SnapshotId", "") for each in disks],
        "block-device-mapping.volume-size": [str(each.get("VolumeSize", "")) for each in disks],
        "block-device-mapping.volume-type": [each.get("VolumeType", "") for each in disks],
        "block-device-mapping.encrypted": [str(each["Encrypted"]).lower() for each in disks],
        "block-device-mapping.delete-on-termination": [
            str(each["DeleteOnTermination"]).lower() for each in disks
        ],
    }


def _item(image: Image, now_unix_s: float) -> dict[str, Any]:
    state = image_state(image, now_unix_s)
    deprecated = image.deprecate_unix_s
    return {
        "ImageId": image.name,
        "ImageLocation": f"{OWNER_ID}/{image.title}",
        "State": state,
        "StateReason": {"Code": "Client.InvalidSnapshot", "Message": image.failure}
        if state == "failed"
        else None,
        "OwnerId": OWNER_ID,
        "CreationDate": iso(image.created_unix_s),
        "Public": EVERYBODY in image.launch_permissions,
        "ImageType": "machine",
        "Name": image.title,
        "RootDeviceType": "ebs",
        "Hypervisor": "xen",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "DeprecationTime": None if deprecated is None else iso(deprecated),
        "BlockDeviceMappings": list(image.mappings),
        "Tags": tag_set(image.tags),
        **image.attributes,
    }
