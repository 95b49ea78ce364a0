"""RegisterImage: what an image may be made of.

After the EC2 API Reference, "RegisterImage", and the EC2 User Guide on boot modes and NitroTPM.
"""

import base64
import re
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, invalid_combination, missing
from bulkput.emulator.ec2.images import existing_image
from bulkput.emulator.ec2.snapshots import completed_snapshot
from bulkput.emulator.ec2.tags import specified_tags
from bulkput.emulator.ec2.volumes import performance
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Image
from bulkput.emulator.shelf import new_id

_TITLE = re.compile(r"[a-zA-Z0-9()\[\] ./\-'@_]{3,128}")
_DESCRIPTION_MAX = 255
_UEFI_DATA_MAX = 64 << 10
_ROOT_DEFAULT = "/dev/sda1"


def register_image(call: Ec2Call) -> Fields:
    """Register an image over completed snapshots."""
    title = call.given("Name")
    if not title:
        raise missing("Name")
    require_free_title(call, title)
    if call.given("ImageLocation"):
        message = "Images whose root device is in S3 are not emulated"
        raise Ec2Error("UnsupportedOperation", message)
    mappings = tuple(_mapping(call, each) for each in call.given("BlockDeviceMappings", []))
    root = call.given("RootDeviceName", _ROOT_DEFAULT)
    if not any(each["DeviceName"] == root and "Ebs" in each for each in mappings):
        message = f"No snapshot is mapped to the root device {root}"
        raise Ec2Error("InvalidBlockDeviceMapping", message)
    attributes = _attributes(call, root)
    image = Image(
        name=new_id("ami"),
        region=call.region,
        title=title,
        created_unix_s=call.now_unix_s,
        available_unix_s=call.ready_unix_s,
        attributes=attributes,
        mappings=mappings,
        tags=specified_tags(call, "image"),
        uefi_data=_uefi_data(call),
    )
    call.account.resources.images.put(image)
    return {"ImageId": existing_image(call, image.name).name}


def require_free_title(call: Ec2Call, title: str) -> None:
    """Return if a name can be given to an image.

    Raises:
        Ec2Error: it is malformed, or another image has it.
    """
    if not _TITLE.fullmatch(title):
        raise Ec2Error(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, "
            "numbers, '(', ')', '.', '-', '/' and '_'",
        )
    for each in call.account.resources.images.in_region(call.region):
        if each.title == title:
            message = f"AMI name {title} is already in use by AMI {each.name}"
            raise Ec2Error("InvalidAMIName.Duplicate", message)


def _attributes(call: Ec2Call, root: str) -> dict[str, Any]:
    architecture = call.given("Architecture", "i386")
    virtualization = call.given("VirtualizationType", "paravirtual")
    boot_mode, tpm = call.given("BootMode"), call.given("TpmSupport")
    if architecture == "arm64" and boot_mode not in (None, "uefi"):
        raise invalid_combination(f"arm64 AMIs boot by uefi, not by {boot_mode}")
    if architecture == "arm64" and virtualization != "hvm":
        raise invalid_combination("arm64 AMIs need the virtualization type hvm")
    if virtualization == "paravirtual" and (call.given("EnaSupport") or boot_mode or tpm):
        message = "ENA, boot modes and NitroTPM need the virtualization type hvm"
        raise invalid_combination(message)
    if tpm and boot_mode != "uefi":
        raise invalid_combination("NitroTPM needs the boot mode uefi")
    description = call.given("Description")
    if description is not None and len(description) > _DESCRIPTION_MAX:
        raise Ec2Error("InvalidParameterValue", "Description is longer than 255 characters")
    return {
        "Architecture": architecture,
        "VirtualizationType": virtualization,
        "RootDeviceName": root,
        "Description": description,
        "BootMode": boot_mode,
        "TpmSupport": tpm,
        "ImdsSupport": call.given("ImdsSupport"),
        "EnaSupport": call.given("EnaSupport"),
        "SriovNetSupport": call.given("SriovNetSupport"),
    }


def _uefi_data(call: Ec2Call) -> str | None:
    data: str | None = call.given("UefiData")
    if data is None:
        return None
    try:
        is_fit = len(base64.b64decode(data, validate=True)) <= _UEFI_DATA_MAX
    except ValueError:
        is_fit = False
    if not is_fit:
        message = "The UEFI data is invalid: it is base64 of up to 64 KiB"
        raise Ec2Error("InvalidParameterValue", message)
    return data


def _mapping(call: Ec2Call, given: dict[str, Any]) -> dict[str, Any]:
    device = given.get("DeviceName")
    if not device:
        raise missing("BlockDeviceMapping.DeviceName")
    if "Ebs" not in given:
        return {
            key: given[key] for key in ("DeviceName", "VirtualName", "NoDevice") if key in given
        }
    ebs = given["Ebs"]
    snapshot_id = ebs.get("SnapshotId")
    size_gib = ebs.get("VolumeSize")
    encrypted = bool(ebs.get("Encrypted"))
    if snapshot_id:
        if "Encrypted" in ebs or "KmsKeyId" in ebs:
            raise Ec2Error(
                "InvalidBlockDeviceMapping",
                f"the encrypted flag cannot be specified since device {device} has a snapshot "
                "specified.",
            )
        record = completed_snapshot(call, snapshot_id).record
        if record.owner_id != OWNER_ID:
            message = f"The snapshot '{snapshot_id}' is another account's: copy it first"
            raise Ec2Error("InvalidParameter", message)
        encrypted = record.encrypted
        least_gib = record.volume_size_gib
        if size_gib is not None and size_gib < least_gib:
            raise Ec2Error(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size_gib}GB is smaller than snapshot '{snapshot_id}', expect "
                f"size >= {least_gib}GB",
            )
        size_gib = least_gib if size_gib is None else size_gib
    elif size_gib is None:
        raise missing(f"the size or the snapshot of {device}")
    kind = ebs.get("VolumeType", "gp2")
    figures = performance(kind, ebs.get("Iops"), ebs.get("Throughput"), size_gib)
    return {
        "DeviceName": device,
        "Ebs": {
            "DeleteOnTermination": ebs.get("DeleteOnTermination", True),
            "SnapshotId": snapshot_id or "",
            "VolumeSize": size_gib,
            "VolumeType": kind,
            "Encrypted": encrypted,
            # Shown where they were given; gp2 has IOPS that nobody gives.
            "Iops": figures["Iops"] if kind != "gp2" else None,
            "Throughput": figures["Throughput"],
        },
    }
