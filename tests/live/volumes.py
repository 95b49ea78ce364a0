"""Snapshots of volumes, which the service makes itself: may they have children of ours?"""

import time

from botocore.exceptions import ClientError
from live.account import BLOCK, TAG, refusal

_NOT_THERE = ("InvalidAction", "UnauthorizedOperation")


def children_of_volume_snapshots(account):
    """May a snapshot of a volume be the parent of one that is put together by hand?"""
    account.has_volumes = True
    try:
        zones = account.ec2.describe_availability_zones()["AvailabilityZones"]
        volume_id = account.ec2.create_volume(
            AvailabilityZone=zones[0]["ZoneName"],
            Size=1,
            VolumeType="gp3",
            TagSpecifications=_tagged("volume", account),
        )["VolumeId"]
    except ClientError as error:
        answer = _not_asked(error)
        account.has_volumes = False
        return answer
    _wait_for_volume(account, volume_id)
    try:
        parent = account.ec2.create_snapshot(
            VolumeId=volume_id, TagSpecifications=_tagged("snapshot", account)
        )["SnapshotId"]
    except ClientError as error:  # an emulator that has volumes, and makes no snapshots of them
        return _not_asked(error)
    account.started.append(parent)
    shown = account.settled(parent)
    started = {}

    def start():
        started["id"] = account.until(lambda: account.start(1, ParentSnapshotId=parent))[
            "SnapshotId"
        ]

    refused = refusal(start)
    if refused is None:
        account.until(lambda: account.put(started["id"], 7, b"c" * BLOCK))
        account.complete(started["id"], 1)
    end = refused or account.settled(started["id"])["State"]
    held = shown.get("FullSnapshotSizeInBytes")
    return {"facts": {}, "measured": {"child": end, "parent_held_bytes": held}}


def _not_asked(error):
    """Return the answer where the service does not have the call; any other error is raised."""
    code = error.response["Error"]["Code"]
    if code not in _NOT_THERE:
        raise error
    return {"facts": {}, "measured": {"not_asked": code}}


def _tagged(kind, account):
    return [{"ResourceType": kind, "Tags": [{"Key": TAG, "Value": account.run_id}]}]


def _wait_for_volume(account, volume_id):
    end_s = time.monotonic() + account.limits.settle_s
    while time.monotonic() < end_s:
        (found,) = account.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
        if found["State"] == "available":
            return
        time.sleep(account.limits.poll_s)
