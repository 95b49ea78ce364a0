"""CopyImage: an image into the Region that is asked, with a copy of each of its snapshots."""

import math
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.client_tokens import made_before, request_text
from bulkput.emulator.ec2.errors import incorrect_state, key_without_encrypted
from bulkput.emulator.ec2.image_register import require_free_title
from bulkput.emulator.ec2.images import existing_image, image_state
from bulkput.emulator.ec2.snapshot_copies import KEY_NOT_ACCESSIBLE, WantedKey, add_copy, in_region
from bulkput.emulator.ec2.snapshots import completed_snapshot
from bulkput.emulator.ec2.tags import tags_of_kinds
from bulkput.emulator.resources import Image, Tags
from bulkput.emulator.shelf import new_id


def copy_image(call: Ec2Call) -> Fields:
    """Copy an image, or replay the call that the ClientToken belongs to."""
    images = call.account.resources.images
    earlier = made_before(call, images)
    if earlier is not None:
        return {"ImageId": earlier.name}
    source_call = in_region(call, call.given("SourceRegion"))
    source = existing_image(source_call, call.given("SourceImageId"))
    if image_state(source, call.now_unix_s) != "available":
        raise incorrect_state(f"The image '{source.name}' is not available.")
    title = call.given("Name")
    require_free_title(call, title)
    if call.given("KmsKeyId") and not call.given("Encrypted"):
        raise key_without_encrypted()
    image_tags, snapshot_tags = tags_of_kinds(call, ("image", "snapshot"))
    if call.given("CopyImageTags"):
        image_tags = tuple((dict(source.tags) | dict(image_tags)).items())
    name = new_id("ami")
    disks = _Disks(
        call, source_call, f"DestinationAmi {name} from SourceAmi {source.name}", snapshot_tags
    )
    image = Image(
        name=name,
        region=call.region,
        title=title,
        created_unix_s=call.now_unix_s,
        available_unix_s=call.ready_unix_s,
        attributes={
            **source.attributes,
            "Description": call.given("Description", source.attributes.get("Description")),
            "SourceImageId": source.name,
            "SourceImageRegion": source.region,
        },
        mappings=tuple(disks.copied(each) for each in source.mappings),
        tags=image_tags,
        uefi_data=source.uefi_data,
        client_token=call.given("ClientToken"),
        request=request_text(call),
        failure=disks.failure,
    )
    return {"ImageId": images.put(image).name}


class _Disks:
    """The snapshots of an image that is being copied."""

    def __init__(self, call: Ec2Call, source_call: Ec2Call, label: str, tags: Tags) -> None:
        self._call = call
        self._source_call = source_call
        self._label = label
        self._tags = tags
        self.failure = ""
        """Why the image will fail; empty if it will not."""

    def copied(self, mapping: dict[str, Any]) -> dict[str, Any]:
        """Copy the snapshot of a mapping, and return the copy's mapping."""
        ebs = mapping.get("Ebs", {})
        if not ebs.get("SnapshotId"):
            return mapping
        snapshot = completed_snapshot(self._source_call, ebs["SnapshotId"])
        call = self._call
        record = add_copy(
            call,
            snapshot,
            WantedKey(call.given("Encrypted"), call.given("KmsKeyId")),
            description=(
                f"Copied for {self._label} for SourceSnapshot {ebs['SnapshotId']}. "
                f"Task created on "
                f"{math.floor(call.now_unix_s * 1000):,}."
            ),
            tags=self._tags,
        )
        self.failure = KEY_NOT_ACCESSIBLE if record.verdict else self.failure
        copied = {"SnapshotId": record.snapshot_id, "Encrypted": record.encrypted}
        return {**mapping, "Ebs": {**ebs, **copied}}
