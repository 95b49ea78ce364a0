"""DescribeImages and DeregisterImage, and the rule by which the other actions find an image."""

from collections.abc import Callable
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, images_not_found
from bulkput.emulator.ec2.permissions import EVERYBODY
from bulkput.emulator.ec2.select import Values, account_ids, filtered, page
from bulkput.emulator.ec2.snapshots import images_of_snapshot, live_lock, remove_snapshot
from bulkput.emulator.ec2.tags import tag_set
from bulkput.emulator.ec2.text import iso
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Image


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
    owners = account_ids(call.given("Owners"))
    if owners and OWNER_ID not in owners:
        found = []
    users = account_ids(call.given("ExecutableUsers"))
    if users:
        found = [each for each in found if users & set(each.launch_permissions)]
    facts = {**_FACTS, "state": lambda each: image_state(each, call.now_unix_s)}
    found = filtered(call, found, facts, lambda each: each.tags)
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
    if live_lock(call, snapshot_id) is not None or images_of_snapshot(call, snapshot_id):
        return "skipped"
    remove_snapshot(call, snapshot_id)
    return "success"


def _check_id(image_id: str) -> None:
    if not image_id.startswith("ami-"):
        message = f'Invalid id: "{image_id}" (expecting "ami-...")'
        raise Ec2Error("InvalidAMIID.Malformed", message)


def _attribute(name: str) -> Callable[[Image], str]:
    return lambda image: str(image.attributes.get(name) or "").lower()


def _of_disks(name: str) -> Callable[[Image], list[str]]:
    return lambda image: [
        str(each["Ebs"].get(name, "")).lower() for each in image.mappings if "Ebs" in each
    ]


_FACTS: dict[str, Callable[[Image], Values]] = {
    "image-id": lambda image: image.name,
    "name": lambda image: image.title,
    "description": lambda image: image.attributes.get("Description") or "",
    "architecture": _attribute("Architecture"),
    "boot-mode": _attribute("BootMode"),
    "owner-id": lambda _: OWNER_ID,
    "is-public": lambda image: str(EVERYBODY in image.launch_permissions).lower(),
    "creation-date": lambda image: iso(image.created_unix_s),
    "image-type": lambda _: "machine",
    "root-device-name": _attribute("RootDeviceName"),
    "root-device-type": lambda _: "ebs",
    "virtualization-type": _attribute("VirtualizationType"),
    "hypervisor": lambda _: "xen",
    "ena-support": lambda image: str(bool(image.attributes.get("EnaSupport"))).lower(),
    "tpm-support": _attribute("TpmSupport"),
    "imds-support": _attribute("ImdsSupport"),
    "source-image-id": _attribute("SourceImageId"),
    "source-image-region": _attribute("SourceImageRegion"),
    "block-device-mapping.device-name": lambda image: [e["DeviceName"] for e in image.mappings],
    "block-device-mapping.snapshot-id": _of_disks("SnapshotId"),
    "block-device-mapping.volume-size": _of_disks("VolumeSize"),
    "block-device-mapping.volume-type": _of_disks("VolumeType"),
    "block-device-mapping.encrypted": _of_disks("Encrypted"),
    "block-device-mapping.delete-on-termination": _of_disks("DeleteOnTermination"),
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
