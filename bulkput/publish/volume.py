"""A volume of a snapshot: found by its tag and zone, or made with a client token."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bulkput.config.publishing import NewVolumeSettings
from bulkput.model.errors import SnapshotError
from bulkput.publish.account import Account, all_pages, given, wait_until
from bulkput.publish.tags import SOURCE_TAG, inherited, own_tags, specification

_THERE = frozenset({"creating", "available", "in-use"})


def volume_parameters(source: Mapping[str, Any], wanted: NewVolumeSettings) -> dict[str, Any]:
    """Return what CreateVolume takes, without its client token; the size is the snapshot's."""
    tags = {**inherited(own_tags(source)), **wanted.tags, SOURCE_TAG: source["SnapshotId"]}
    key: Any = wanted.kms_key_arn
    parameters = {
        "AvailabilityZone": wanted.availability_zone,
        "SnapshotId": source["SnapshotId"],
        "VolumeType": wanted.type,
        "Iops": wanted.iops,
        "Throughput": wanted.throughput,
        "Encrypted": True if key else None,
        "KmsKeyId": key,
        "TagSpecifications": specification("volume", tags),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def client_token(parameters: Mapping[str, Any]) -> str:
    """Return the token of a volume: the same for the same parameters, in every run."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
    return f"bulkput-{digest[:32]}"


def find_volume(
    found: Sequence[Mapping[str, Any]], wanted: NewVolumeSettings
) -> Mapping[str, Any] | None:
    """Return the volume that is there already."""
    fitting = [
        each
        for each in found
        if each.get("State") in _THERE and each.get("AvailabilityZone") == wanted.availability_zone
    ]
    return min(fitting, key=lambda each: str(each.get("CreateTime")), default=None)


async def ensure_volume(
    account: Account, source: Mapping[str, Any], wanted: NewVolumeSettings
) -> str:
    """Find or make the volume, wait until it is available, and return its id.

    Raises:
        SnapshotError: it failed.
        TemporaryError: it takes longer than the account's limit.
        BulkputError: EC2 refuses.
    """
    volume_id = await account.repeat(partial(_make, account, source, wanted))

    async def look() -> bool | None:
        for each in await _volumes(account, source):
            if each.get("VolumeId") == volume_id:
                if each.get("State") == "error":
                    what = f"{volume_id}, made of it, failed: delete it and run again"
                    raise SnapshotError(source["SnapshotId"], what)
                return True if each.get("State") in {"available", "in-use"} else None
        return None

    await wait_until(account, look, what=volume_id, state="available")
    return volume_id


async def _make(account: Account, source: Mapping[str, Any], wanted: NewVolumeSettings) -> str:
    there = find_volume(await _volumes(account, source), wanted)
    if there is not None:
        if there.get("VolumeType") not in {None, wanted.type}:
            account.note(
                f"{there.get('VolumeId')} was made of {source['SnapshotId']} before, as "
                f"{there.get('VolumeType')}, and is left as it is"
            )
        return given("DescribeVolumes", there, "VolumeId")
    parameters = volume_parameters(source, wanted)
    parameters["ClientToken"] = client_token(parameters)
    answer = await account.call("CreateVolume", parameters, region=account.region)
    return given("CreateVolume", answer, "VolumeId")


async def _volumes(account: Account, source: Mapping[str, Any]) -> list[dict[str, Any]]:
    tagged = [{"Name": f"tag:{SOURCE_TAG}", "Values": [source["SnapshotId"]]}]
    asked = {"Filters": tagged}
    return await all_pages(account, "DescribeVolumes", asked, "Volumes", region=account.region)
