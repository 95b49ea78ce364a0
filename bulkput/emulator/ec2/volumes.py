"""CreateVolume, DescribeVolumes and DeleteVolume.

Limits after the EBS User Guide, "Amazon EBS volume types".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.client_tokens import made_before, request_text
from bulkput.emulator.ec2.errors import (
    Ec2Error,
    invalid_combination,
    invalid_value,
    missing,
    volume_not_found,
)
from bulkput.emulator.ec2.regions import require_zone, zone_id
from bulkput.emulator.ec2.select import Values, filtered, page
from bulkput.emulator.ec2.snapshot_copies import WantedKey, encryption_key, is_usable_key
from bulkput.emulator.ec2.snapshots import completed_snapshot
from bulkput.emulator.ec2.tags import specified_tags, tag_set
from bulkput.emulator.resources import Volume
from bulkput.emulator.shelf import new_id
from bulkput.emulator.snapshot import Snapshot


class VolumeType(NamedTuple):
    """What a type allows."""

    sizes_gib: tuple[int, int]
    iops: tuple[int, int] | None = None
    iops_default: int | None = None
    throughputs_mib_s: tuple[int, int] | None = None


VOLUME_TYPES = {
    "gp2": VolumeType((1, 16_384)),
    "gp3": VolumeType((1, 65_536), (3_000, 80_000), 3_000, (125, 2_000)),
    "io1": VolumeType((4, 16_384), (100, 64_000)),
    "io2": VolumeType((4, 65_536), (100, 256_000)),
    "st1": VolumeType((125, 16_384)),
    "sc1": VolumeType((125, 16_384)),
    "standard": VolumeType((1, 1_024)),
}
_TYPE_DEFAULT = "gp2"
_INITIALIZATION_MIB_S = (100, 300)


def create_volume(call: Ec2Call) -> Fields:
    """Make a volume, of a snapshot or empty, or replay the call that the ClientToken belongs to."""
    volumes = call.account.resources.volumes
    earlier = made_before(call, volumes)
    if earlier is not None:
        return _item(earlier, call.now_unix_s)
    if not call.given("AvailabilityZone"):
        raise missing("AvailabilityZone")
    zone = require_zone(call, call.given("AvailabilityZone"))
    snapshot_id = call.given("SnapshotId")
    snapshot = None if snapshot_id is None else completed_snapshot(call, snapshot_id)
    kind = call.given("VolumeType", _TYPE_DEFAULT)
    size_gib = _size_gib(call, snapshot, kind)
    _check_initialization(call, snapshot)
    key = encryption_key(call, snapshot, WantedKey(call.given("Encrypted"), call.given("KmsKeyId")))
    volume = Volume(
        name=new_id("vol"),
        region=call.region,
        created_unix_s=call.now_unix_s,
        available_unix_s=call.ready_unix_s,
        attributes={
            "AvailabilityZone": zone,
            "AvailabilityZoneId": zone_id(zone),
            "Encrypted": key is not None,
            "KmsKeyId": key,
            "Size": size_gib,
            "SnapshotId": snapshot_id or "",
            "VolumeType": kind,
            "MultiAttachEnabled": call.given("MultiAttachEnabled", False),
            "VolumeInitializationRate": call.given("VolumeInitializationRate"),
            **performance(kind, call.given("Iops"), call.given("Throughput"), size_gib),
        },
        tags=specified_tags(call, "volume"),
        client_token=call.given("ClientToken"),
        request=request_text(call),
    )
    return _item(volumes.put(volume), call.now_unix_s)


def performance(
    kind: str, iops: int | None, throughput: int | None, size_gib: int
) -> dict[str, int | None]:
    """Return a volume's IOPS and throughput, with the type's defaults.

    Raises:
        Ec2Error: the type has none, needs some, or has other bounds.
    """
    limits = VOLUME_TYPES.get(kind)
    if limits is None:
        raise invalid_value(kind, "volumeType")
    if throughput is not None and limits.throughputs_mib_s is None:
        raise invalid_combination(f"The parameter throughput is not supported for {kind} volumes.")
    if iops is not None and limits.iops is None:
        raise invalid_combination(f"The parameter iops is not supported for {kind} volumes.")
    if iops is None and limits.iops is not None and limits.iops_default is None:
        raise missing("iops")
    iops = limits.iops_default if iops is None else iops
    if kind == "gp2":
        iops = min(16_000, max(100, 3 * size_gib))
    elif iops is not None and limits.iops and not limits.iops[0] <= iops <= limits.iops[1]:
        raise invalid_value(iops, "iops", f"Expected from {limits.iops[0]} to {limits.iops[1]}.")
    bounds = limits.throughputs_mib_s
    if bounds is not None:
        throughput = bounds[0] if throughput is None else throughput
        if not bounds[0] <= throughput <= bounds[1]:
            raise invalid_value(throughput, "throughput", f"Expected {bounds[0]} to {bounds[1]}.")
    return {"Iops": iops, "Throughput": throughput}


def describe_volumes(call: Ec2Call) -> Fields:
    """List volumes, oldest first."""
    wanted = call.given("VolumeIds")
    if wanted:
        found = [_existing(call, each) for each in wanted]
    else:
        found = [
            each
            for each in call.account.resources.volumes.in_region(call.region)
            if not _is_lost(each, call.now_unix_s)
        ]
    facts = {**_FACTS, "status": lambda each: _state(each, call.now_unix_s)}
    found = filtered(call, found, facts, lambda each: each.tags)
    shown, token = page(call, found, ids="VolumeIds")
    return {"Volumes": [_item(each, call.now_unix_s) for each in shown], "NextToken": token}


def delete_volume(call: Ec2Call) -> Fields:
    """Delete a volume, at once."""
    call.account.resources.volumes.remove(_existing(call, call.given("VolumeId")))
    return {}


def _existing(call: Ec2Call, volume_id: str) -> Volume:
    if not volume_id.startswith("vol-"):
        message = f'Invalid id: "{volume_id}" (expecting "vol-...")'
        raise Ec2Error("InvalidParameterValue", message)
    found = call.account.resources.volumes.get(volume_id, call.region)
    if found is None or _is_lost(found, call.now_unix_s):
        raise volume_not_found(volume_id)
    return found


def _is_lost(volume: Volume, now_unix_s: float) -> bool:
    """Return whether its key cannot be used: such a volume is made, and goes without a word."""
    key = volume.attributes["KmsKeyId"]
    is_bad = key is not None and not is_usable_key(key, volume.region)
    return is_bad and now_unix_s >= volume.available_unix_s


def _size_gib(call: Ec2Call, snapshot: Snapshot | None, kind: str) -> int:
    size_gib: int | None = call.given("Size")
    if size_gib is None:
        if snapshot is None:
            raise missing("size/snapshot")
        size_gib = snapshot.record.volume_size_gib
    elif snapshot is not None and size_gib < snapshot.record.volume_size_gib:
        raise Ec2Error(
            "InvalidParameterValue",
            f"Volume of {size_gib}GiB is too small; minimum is the snapshot's "
            f"{snapshot.record.volume_size_gib}GiB.",
        )
    low, high = VOLUME_TYPES[kind].sizes_gib
    if not low <= size_gib <= high:
        what = f"Volume of {size_gib}GiB is outside the {kind} type's {low}GiB to {high}GiB."
        raise Ec2Error("InvalidParameterValue", what)
    return size_gib


def _check_initialization(call: Ec2Call, snapshot: Snapshot | None) -> None:
    rate = call.given("VolumeInitializationRate")
    if rate is None:
        return
    if snapshot is None:
        raise invalid_combination("VolumeInitializationRate needs a snapshot.")
    low, high = _INITIALIZATION_MIB_S
    if not low <= rate <= high:
        raise invalid_value(rate, "volumeInitializationRate", f"Expected from {low} to {high}.")


def _state(volume: Volume, now_unix_s: float) -> str:
    return "available" if now_unix_s >= volume.available_unix_s else "creating"


_FACTS: dict[str, Callable[[Volume], Values]] = {
    "volume-id": lambda volume: volume.name,
    "snapshot-id": lambda volume: volume.attributes["SnapshotId"],
    "availability-zone": lambda volume: volume.attributes["AvailabilityZone"],
    "volume-type": lambda volume: volume.attributes["VolumeType"],
    "size": lambda volume: str(volume.attributes["Size"]),
    "encrypted": lambda volume: str(volume.attributes["Encrypted"]).lower(),
}


def _item(volume: Volume, now_unix_s: float) -> dict[str, Any]:
    return {
        "VolumeId": volume.name,
        "State": _state(volume, now_unix_s),
        "CreateTime": volume.created_unix_s,
        "Attachments": [],
        "Tags": tag_set(volume.tags),
        **volume.attributes,
    }
