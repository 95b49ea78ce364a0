"""Instances, only as what keeps an image from being pruned: nothing runs."""

import dataclasses
from collections.abc import Callable
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, instance_not_found, missing
from bulkput.emulator.ec2.images import existing_image
from bulkput.emulator.ec2.regions import require_zone, zones
from bulkput.emulator.ec2.select import Values, filtered, page
from bulkput.emulator.ec2.tags import tag_set, tags_of_kinds
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Instance
from bulkput.emulator.shelf import new_id

_RUNNING = {"Code": 16, "Name": "running"}
_TERMINATED = {"Code": 48, "Name": "terminated"}
_SHOWN_AFTER_S = 3_600
"""A terminated instance is shown for about an hour."""
_INSTANCES_MAX = 20


def run_instances(call: Ec2Call) -> Fields:
    """Start as many instances as may be."""
    if not call.given("ImageId"):
        raise missing("ImageId")
    image = existing_image(call, call.given("ImageId"))
    placement = call.given("Placement", {})
    zone = require_zone(call, placement.get("AvailabilityZone", zones(call.region)[0]))
    tags, _ = tags_of_kinds(call, ("instance", "volume"))
    count = call.given("MaxCount")
    if not 1 <= call.given("MinCount") <= count <= _INSTANCES_MAX:
        raise Ec2Error("InvalidParameterValue", f"Expected 1 to {_INSTANCES_MAX} instances")
    made = [
        call.account.resources.instances.put(
            Instance(
                name=new_id("i"),
                region=call.region,
                image_id=image.name,
                kind=call.given("InstanceType", "m1.small"),
                zone=zone,
                launched_unix_s=call.now_unix_s,
                tags=tags,
            )
        )
        for _ in range(count)
    ]
    return {
        "ReservationId": "r-0",
        "OwnerId": OWNER_ID,
        "Instances": [_item(each) for each in made],
    }


def describe_instances(call: Ec2Call) -> Fields:
    """List instances, each in a reservation of its own."""
    wanted = call.given("InstanceIds")
    found = [
        each
        for each in call.account.resources.instances.in_region(call.region)
        if each.terminated_unix_s is None
        or call.now_unix_s < each.terminated_unix_s + _SHOWN_AFTER_S
    ]
    if wanted:
        found = [_existing(call, each) for each in wanted]
    found = filtered(call, found, _FACTS, lambda each: each.tags)
    shown, token = page(call, found, ids="InstanceIds")
    return {
        "Reservations": [
            {"ReservationId": f"r-{each.name[2:]}", "OwnerId": OWNER_ID, "Instances": [_item(each)]}
            for each in shown
        ],
        "NextToken": token,
    }


def terminate_instances(call: Ec2Call) -> Fields:
    """End instances, at once."""
    changed = []
    for each in [_existing(call, each) for each in call.given("InstanceIds")]:
        at_unix_s = each.terminated_unix_s or call.now_unix_s
        fresh = dataclasses.replace(each, terminated_unix_s=at_unix_s)
        call.account.resources.instances.put(fresh)
        changed.append(
            {"InstanceId": each.name, "CurrentState": _TERMINATED, "PreviousState": _state(each)}
        )
    return {"TerminatingInstances": changed}


def _existing(call: Ec2Call, instance_id: str) -> Instance:
    found = call.account.resources.instances.get(instance_id, call.region)
    if found is None:
        raise instance_not_found(instance_id)
    return found


def _state(each: Instance) -> dict[str, Any]:
    return _RUNNING if each.terminated_unix_s is None else _TERMINATED


_FACTS: dict[str, Callable[[Instance], Values]] = {
    "instance-id": lambda each: each.name,
    "image-id": lambda each: each.image_id,
    "instance-state-name": lambda each: str(_state(each)["Name"]),
    "instance-state-code": lambda each: str(_state(each)["Code"]),
    "instance-type": lambda each: each.kind,
    "availability-zone": lambda each: each.zone,
}


def _item(each: Instance) -> dict[str, Any]:
    return {
        "InstanceId": each.name,
        "ImageId": each.image_id,
        "State": _state(each),
        "InstanceType": each.kind,
        "LaunchTime": each.launched_unix_s,
        "Placement": {"AvailabilityZone": each.zone},
        "Tags": tag_set(each.tags),
    }
