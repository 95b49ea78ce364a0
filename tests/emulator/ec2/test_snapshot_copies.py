"""Snapshots copied into another Region, by boto3."""

import pytest
from emulator.ec2.conftest import OTHER, OWN_KEY, THERE


def test_a_copy_is_pending_for_a_while_and_holds_the_same_blocks(account, vectors):
    source = account.snapshot({3: vectors.payload("c")})
    tags = [{"Key": "a", "Value": "b"}]
    copied = account.other.copy_snapshot(
        SourceRegion="eu-central-1",
        SourceSnapshotId=source,
        Description="a copy",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )
    assert copied["Tags"] == tags
    copy_id = copied["SnapshotId"]
    found = account.described_snapshot(copy_id, account.other)
    assert (found["State"], found["Progress"]) == ("pending", "0%")
    account.clock.advance(account.server.options.resource_delay_s * 0.51)
    assert account.described_snapshot(copy_id, account.other)["Progress"] == "51%"
    account.wait()
    found = account.described_snapshot(copy_id, account.other)
    assert (found["State"], found["Progress"], found["Encrypted"]) == ("completed", "100%", False)
    assert (found["Description"], found["Tags"], found["VolumeId"]) == (
        *("a copy", tags, "vol-ffffffff"),
    )
    account.ec2.delete_snapshot(SnapshotId=source)
    there = account.server.client("ebs", region_name=OTHER)
    (block,) = there.list_snapshot_blocks(SnapshotId=copy_id)["Blocks"]
    got = there.get_snapshot_block(SnapshotId=copy_id, BlockIndex=3, BlockToken=block["BlockToken"])
    assert got["BlockData"].read() == vectors.payload("c")


@pytest.mark.parametrize(
    ("start", "copy", "expected"),
    [
        ({}, {}, None),
        ({}, {"Encrypted": True}, "alias"),
        ({}, {"Encrypted": True, "KmsKeyId": THERE}, THERE),
        ({}, {"Encrypted": True, "KmsKeyId": "there"}, THERE),
        ({"KmsKeyArn": OWN_KEY}, {}, "alias"),
        ({"KmsKeyArn": OWN_KEY}, {"Encrypted": True, "KmsKeyId": THERE}, THERE),
        ({"Encrypted": True}, {"Encrypted": False}, "InvalidParameterCombination"),
        ({}, {"KmsKeyId": THERE}, "InvalidParameterDependency"),
    ],
)
def test_the_key_of_a_copy(account, refused, start, copy, expected):
    wanted = {
        "SourceRegion": "eu-central-1",
        "SourceSnapshotId": account.snapshot(**start),
        **copy,
    }
    if expected is not None and expected.startswith("Invalid"):
        assert refused(account.other.copy_snapshot, **wanted) == expected
        return
    copy_id = account.other.copy_snapshot(**wanted)["SnapshotId"]
    found = account.described_snapshot(copy_id, account.other)
    default = account.server.emulator.account.aws_key_arn(OTHER)
    assert found.get("KmsKeyId") == (default if expected == "alias" else expected)


def test_copies_that_cannot_be_made(account, refused):
    copy = account.other.copy_snapshot
    source = account.snapshot()
    here = {"SourceRegion": "eu-central-1"}
    pending = account.server.start()
    assert refused(copy, SourceSnapshotId=pending, **here) == "IncorrectState"
    assert refused(copy, SourceSnapshotId=source, SourceRegion=OTHER) == "InvalidSnapshot.NotFound"
    assert refused(copy, SourceSnapshotId=source, SourceRegion="nowhere") == "InvalidParameterValue"
    account.wait()
    pending_count = account.server.emulator.account.pending_count()
    for _ in range(20):
        copy(SourceSnapshotId=source, **here)
    assert account.server.emulator.account.pending_count() == pending_count
    assert refused(copy, SourceSnapshotId=source, **here) == "ResourceLimitExceeded"
    account.wait()
    bad = copy(SourceSnapshotId=source, **here, Encrypted=True, KmsKeyId=OWN_KEY)["SnapshotId"]
    account.wait()
    found = account.described_snapshot(bad, account.other)
    assert (found["State"], found["StateMessage"]) == ("error", "Given key ID is not accessible")
