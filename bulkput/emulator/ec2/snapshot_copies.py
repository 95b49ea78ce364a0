"""CopySnapshot: from a Region into the one that is asked, its blocks shared on disk.

Owns the rules of copies, for CopyImage too.
"""

from dataclasses import dataclass

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import (
    invalid_combination,
    invalid_value,
    key_without_encrypted,
    limit_exceeded,
)
from bulkput.emulator.ec2.regions import REGIONS
from bulkput.emulator.ec2.snapshots import completed_snapshot
from bulkput.emulator.ec2.tags import specified_tags, tag_set
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import Tags
from bulkput.emulator.snapshot import Record, Snapshot, State

_COPIES_MAX = 20
"""Concurrent snapshot copies per destination Region (Service Quotas, L-D4AB3D5C)."""
KEY_NOT_ACCESSIBLE = "Given key ID is not accessible"
"""The StateMessage of a copy under a key that cannot be used."""


@dataclass(frozen=True)
class WantedKey:
    """How a copy, or what is made of a snapshot, is to be encrypted."""

    encrypted: bool | None
    key: str | None


def copy_snapshot(call: Ec2Call) -> Fields:
    """Copy a completed snapshot; the copy is pending for a while."""
    source_region = call.given("SourceRegion")
    source = completed_snapshot(in_region(call, source_region), call.given("SourceSnapshotId"))
    destination = call.given("DestinationRegion")
    if destination not in (None, call.region):
        raise invalid_value(destination, "destinationRegion", f"Expected: {call.region}.")
    tags = specified_tags(call, "snapshot")
    wanted = WantedKey(call.given("Encrypted"), call.given("KmsKeyId"))
    record = add_copy(call, source, wanted, description=call.given("Description"), tags=tags)
    return {"SnapshotId": record.snapshot_id, "Tags": tag_set(tags)}


def in_region(call: Ec2Call, region: str) -> Ec2Call:
    """Return the same call as another Region would see it.

    Raises:
        Ec2Error: there is no such Region.
    """
    if region not in REGIONS:
        raise invalid_value(region, "sourceRegion")
    return Ec2Call(call.account, region, call.parameters, call.now_unix_s)


def add_copy(
    call: Ec2Call,
    source: Snapshot,
    wanted: WantedKey,
    *,
    description: str | None,
    tags: Tags,
) -> Record:
    """Make the copy.

    Raises:
        Ec2Error: too many are under way, or it cannot be encrypted so.
    """
    account = call.account
    under_way = [
        each
        for each in account.store
        if each.record.is_copy
        and each.record.is_in(call.region)
        and each.state(call.now_unix_s)[0] is State.PENDING
    ]
    if len(under_way) >= _COPIES_MAX:
        raise limit_exceeded(
            "Too many snapshot copies in progress. The limit is "
            f"{_COPIES_MAX} for this destination region."
        )
    key = encryption_key(call, source, wanted)
    snapshot_id = account.store.new_id()
    record = Record(
        snapshot_id=snapshot_id,
        owner_id=OWNER_ID,
        volume_size_gib=source.record.volume_size_gib,
        parent_id=None,
        description=description or "",
        tags=tags or None,
        client_token=None,
        request="",
        kms_key_arn=key,
        timeout_min=60,
        started_unix_s=call.now_unix_s,
        layer_ids=(snapshot_id, *source.record.layer_ids),
        settles_unix_s=call.ready_unix_s,
        verdict="" if key is None or is_usable_key(key, call.region) else KEY_NOT_ACCESSIBLE,
        region=call.region,
        is_copy=True,
    )
    account.store.add(record)
    return record


def encryption_key(call: Ec2Call, source: Snapshot | None, wanted: WantedKey) -> str | None:
    """Return the ARN of the key for what is made of a snapshot, or of none; None: unencrypted.

    Raises:
        Ec2Error: the combination is refused.
    """
    is_encrypted = source is not None and source.record.encrypted
    if wanted.key is not None and not wanted.encrypted:
        raise key_without_encrypted()
    if wanted.encrypted is False and is_encrypted:
        raise invalid_combination("An encrypted snapshot cannot be made unencrypted.")
    if wanted.key is not None:
        return key_arn(call, wanted.key)
    account, region = call.account, call.region
    if wanted.encrypted or is_encrypted or account.encrypts_by_default(region):
        own = (
            source.record.kms_key_arn
            if source is not None and source.record.is_in(region)
            else None
        )
        return own if is_encrypted and own else account.default_key_arn(region)
    return None


def key_arn(call: Ec2Call, key: str) -> str:
    """Return the ARN of a key that is named by its id, its alias or its ARN."""
    if key == "alias/aws/ebs" or key.endswith(":alias/aws/ebs"):
        return call.account.aws_key_arn(call.region)
    if key.startswith("arn:"):
        return key
    noun = "" if key.startswith("alias/") else "key/"
    return f"arn:aws:kms:{call.region}:{OWNER_ID}:{noun}{key}"


def is_usable_key(arn: str, region: str) -> bool:
    """Return whether a key is where it is needed."""
    return arn.split(":")[3:4] == [region]
