"""An image's attributes: launch permissions, description, IMDS, and when it is deprecated."""

import dataclasses
import math
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, invalid_combination, missing
from bulkput.emulator.ec2.images import existing_image
from bulkput.emulator.ec2.permissions import (
    EVERYBODY,
    changed_permissions,
    permission_items,
    permission_list,
)
from bulkput.emulator.resources import Image

_MINUTE_S = 60
_YEARS_MAX_S = 10 * 366 * 86_400
"""The latest a private image can be deprecated is ten years from now."""


def modify_image_attribute(call: Ec2Call) -> Fields:
    """Change one attribute."""
    image = existing_image(call, call.given("ImageId"))
    older = permission_list(
        call.given("OperationType"),
        UserId=call.given("UserIds"),
        Group=call.given("UserGroups"),
        OrganizationArn=call.given("OrganizationArns"),
        OrganizationalUnitArn=call.given("OrganizationalUnitArns"),
    )
    changes: dict[str, Any] = {
        "launchPermission": call.given("LaunchPermission") or older,
        "description": _value(call, "Description", "description"),
        "imdsSupport": _value(call, "ImdsSupport", "imdsSupport"),
    }
    wanted = {name: value for name, value in changes.items() if value not in (None, {})}
    if not wanted:
        raise missing("Attribute")
    if len(wanted) > 1:
        raise invalid_combination("Fields for multiple attribute types specified")
    ((name, value),) = wanted.items()
    if name == "launchPermission":
        image = _shared(call, image, value)
    else:
        field = {"description": "Description", "imdsSupport": "ImdsSupport"}[name]
        image = dataclasses.replace(image, attributes={**image.attributes, field: value})
    call.account.resources.images.put(image)
    return {}


def describe_image_attribute(call: Ec2Call) -> Fields:
    """Show one attribute."""
    image = existing_image(call, call.given("ImageId"))
    has = image.attributes
    shown: dict[str, dict[str, Any]] = {
        "launchPermission": {"LaunchPermissions": permission_items(image.launch_permissions)},
        "blockDeviceMapping": {"BlockDeviceMappings": list(image.mappings)},
        "description": {"Description": {"Value": has.get("Description") or ""}},
        "bootMode": {"BootMode": {"Value": has.get("BootMode")}},
        "tpmSupport": {"TpmSupport": {"Value": has.get("TpmSupport")}},
        "uefiData": {"UefiData": {"Value": image.uefi_data}},
        "imdsSupport": {"ImdsSupport": {"Value": has.get("ImdsSupport")}},
        "sriovNetSupport": {"SriovNetSupport": {"Value": has.get("SriovNetSupport")}},
        "productCodes": {"ProductCodes": []},
        "lastLaunchedTime": {"LastLaunchedTime": {}},
    }
    name = call.given("Attribute")
    if name not in shown:
        raise Ec2Error("InvalidRequest", f"The attribute {name} cannot be described")
    return {"ImageId": image.name, **shown[name]}


def reset_image_attribute(call: Ec2Call) -> Fields:
    """Take all launch permissions away."""
    image = existing_image(call, call.given("ImageId"))
    call.account.resources.images.put(dataclasses.replace(image, launch_permissions=()))
    return {}


def enable_image_deprecation(call: Ec2Call) -> Fields:
    """Set when an image is deprecated, to the minute."""
    image = existing_image(call, call.given("ImageId"))
    # "If you specify a value for seconds, Amazon EC2 rounds the seconds to the nearest minute."
    at_unix_s = math.floor(call.given("DeprecateAt") / _MINUTE_S + 0.5) * _MINUTE_S
    if at_unix_s < call.now_unix_s - _MINUTE_S:
        raise Ec2Error("InvalidParameterValue", "The deprecation date is in the past")
    if at_unix_s > call.now_unix_s + _YEARS_MAX_S:
        raise Ec2Error("InvalidParameterValue", "The deprecation date is more than 10 years away")
    fresh = dataclasses.replace(image, deprecate_unix_s=float(at_unix_s))
    call.account.resources.images.put(fresh)
    return {"Return": True}


def disable_image_deprecation(call: Ec2Call) -> Fields:
    """Take a deprecation back."""
    image = existing_image(call, call.given("ImageId"))
    call.account.resources.images.put(dataclasses.replace(image, deprecate_unix_s=None))
    return {"Return": True}


def _value(call: Ec2Call, name: str, attribute: str) -> str | None:
    """Return an attribute's new value in either of the forms that the call has for it."""
    if call.given(name):
        value: str | None = call.given(name).get("Value")
        return value
    return call.given("Value") if call.given("Attribute") == attribute else None


def _shared(call: Ec2Call, image: Image, change: dict[str, Any]) -> Image:
    add, remove = change.get("Add", []), change.get("Remove", [])
    held = changed_permissions(image.launch_permissions, add, remove)
    fresh = set(held) - set(image.launch_permissions)
    for mapping in image.mappings if fresh else ():
        snapshot_id = mapping.get("Ebs", {}).get("SnapshotId")
        snapshot = call.account.snapshot_in(snapshot_id, call.region) if snapshot_id else None
        if snapshot is None or not snapshot.record.encrypted:
            continue
        if snapshot.record.kms_key_arn == call.account.aws_key_arn(call.region):
            message = (
                "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another"
            )
            raise Ec2Error("InvalidParameter", f"{message} snapshot.")
        if EVERYBODY in fresh:
            raise Ec2Error("InvalidParameter", "Encrypted snapshots can't be shared publicly.")
    blocked = call.account.resources.settings_of(call.region).image_block != "unblocked"
    if EVERYBODY in fresh and blocked:
        message = "You can't share the AMI publicly: block public access for AMIs is enabled"
        raise Ec2Error("OperationNotPermitted", message)
    return dataclasses.replace(image, launch_permissions=held)
