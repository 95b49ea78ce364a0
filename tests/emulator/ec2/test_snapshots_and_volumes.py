"""Copies, shares, locks, fast restores, volumes and tags of snapshots, by boto3."""

import pytest
from emulator.ec2.conftest import ACCOUNT, FRIEND, OTHER, ZONE

OWN_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/own"
THERE = f"arn:aws:kms:{OTHER}:{ACCOUNT}:key/there"


def state(ec2, snapshot_id):
    (found,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    return found


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
    found = state(account.other, copy_id)
    assert (found["State"], found["Progress"]) == ("pending", "0%")
    account.clock.advance(account.server.options.resource_delay_s * 0.51)
    assert state(account.other, copy_id)["Progress"] == "51%"
    account.wait()
    found = state(account.other, copy_id)
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
    found = state(account.other, account.other.copy_snapshot(**wanted)["SnapshotId"])
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
    for _ in range(20):
        copy(SourceSnapshotId=source, **here)
    assert refused(copy, SourceSnapshotId=source, **here) == "ResourceLimitExceeded"
    account.wait()
    bad = copy(SourceSnapshotId=source, **here, Encrypted=True, KmsKeyId=OWN_KEY)["SnapshotId"]
    account.wait()
    found = state(account.other, bad)
    assert (found["State"], found["StateMessage"]) == ("error", "Given key ID is not accessible")


def test_a_snapshot_is_in_its_region_only(account, refused):
    snapshot_id = account.snapshot()
    assert refused(account.other.describe_snapshots, SnapshotIds=[snapshot_id]) == (
        "InvalidSnapshot.NotFound"
    )
    there = account.server.client("ebs", region_name=OTHER)
    for call in (there.list_snapshot_blocks, there.complete_snapshot):
        more = {} if call == there.list_snapshot_blocks else {"ChangedBlocksCount": 0}
        assert refused(call, SnapshotId=snapshot_id, **more) == "ResourceNotFoundException"
    wanted = {"VolumeSize": 1, "ParentSnapshotId": snapshot_id}
    assert refused(there.start_snapshot, **wanted) == "ResourceNotFoundException"
    first = account.server.ebs.start_snapshot(VolumeSize=1, ClientToken="t")["SnapshotId"]
    assert there.start_snapshot(VolumeSize=2, ClientToken="t")["SnapshotId"] != first


def test_who_may_restore_a_snapshot(account, refused):
    snapshot_id = account.snapshot()
    modify, wanted = account.ec2.modify_snapshot_attribute, {"SnapshotId": snapshot_id}

    def shown():
        return account.ec2.describe_snapshot_attribute(
            **wanted, Attribute="createVolumePermission"
        )["CreateVolumePermissions"]

    modify(**wanted, CreateVolumePermission={"Add": [{"UserId": FRIEND}, {"Group": "all"}]})
    assert shown() == [{"UserId": FRIEND}, {"Group": "all"}]
    found = account.ec2.describe_snapshots(RestorableByUserIds=[FRIEND])["Snapshots"]
    assert snapshot_id in [each["SnapshotId"] for each in found]
    modify(
        **wanted,
        Attribute="createVolumePermission",
        OperationType="remove",
        GroupNames=["all"],
    )
    assert shown() == [{"UserId": FRIEND}]
    account.ec2.reset_snapshot_attribute(**wanted, Attribute="createVolumePermission")
    assert shown() == []
    public = {"CreateVolumePermission": {"Add": [{"Group": "all"}]}}
    account.ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    assert account.ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
    assert refused(modify, **wanted, **public) == "OperationNotPermitted"
    account.ec2.disable_snapshot_block_public_access()
    friend = {"CreateVolumePermission": {"Add": [{"UserId": FRIEND}]}}
    aws, own = account.snapshot(Encrypted=True), account.snapshot(KmsKeyArn=OWN_KEY)
    assert refused(modify, SnapshotId=aws, **friend) == "OperationNotPermitted"
    assert refused(modify, SnapshotId=own, **public) == "OperationNotPermitted"
    modify(SnapshotId=own, **friend)


def test_a_lock_in_governance_mode_is_taken_off_again(account, refused):
    snapshot_id = account.snapshot()
    lock, unlock = account.ec2.lock_snapshot, account.ec2.unlock_snapshot
    locked = lock(SnapshotId=snapshot_id, LockMode="governance", LockDuration=2)
    assert (locked["LockState"], locked["LockDuration"]) == ("governance", 2)
    assert refused(account.ec2.delete_snapshot, SnapshotId=snapshot_id) == "OperationNotPermitted"
    (found,) = account.ec2.describe_locked_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert (found["LockState"], found["OwnerId"]) == ("governance", ACCOUNT)
    unlock(SnapshotId=snapshot_id)
    assert refused(unlock, SnapshotId=snapshot_id) == "IncorrectState"
    account.ec2.delete_snapshot(SnapshotId=snapshot_id)


def test_a_lock_in_compliance_mode_is_final_after_its_cooling_off(account, refused):
    wanted = {"SnapshotId": account.snapshot(), "LockMode": "compliance"}
    lock = account.ec2.lock_snapshot
    locked = lock(**wanted, LockDuration=5, CoolOffPeriod=1)
    assert locked["LockState"] == "compliance-cooloff"
    lock(**wanted, LockDuration=3, CoolOffPeriod=1)
    account.clock.advance(3601)
    (found,) = account.ec2.describe_locked_snapshots(SnapshotIds=[wanted["SnapshotId"]])[
        "Snapshots"
    ]
    assert found["LockState"] == "compliance"
    assert refused(account.ec2.unlock_snapshot, SnapshotId=wanted["SnapshotId"]) == (
        "OperationNotPermitted"
    )
    assert refused(lock, **wanted, LockDuration=1) == "InvalidParameterValue"
    assert lock(**wanted, LockDuration=9)["LockDuration"] == 9
    account.clock.advance(9 * 86_400)
    account.ec2.delete_snapshot(SnapshotId=wanted["SnapshotId"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"LockMode": "governance"}, "MissingParameter"),
        ({"LockMode": "governance", "LockDuration": 36_501}, "InvalidParameterValue"),
        ({"LockMode": "governance", "LockDuration": 1, "CoolOffPeriod": 1}, "Combination"),
        ({"LockMode": "compliance", "LockDuration": 1, "CoolOffPeriod": 73}, "Value"),
        ({"LockMode": "forever", "LockDuration": 1}, "InvalidParameterValue"),
        (
            {"LockMode": "governance", "LockDuration": 1, "ExpirationDate": "2100-01-01T00:00:00Z"},
            "Combination",
        ),
        ({"LockMode": "governance", "ExpirationDate": "2001-01-01T00:00:00Z"}, "Value"),
    ],
)
def test_locks_that_cannot_be(account, refused, fields, code):
    wanted = {"SnapshotId": account.snapshot(), **fields}
    assert refused(account.ec2.lock_snapshot, **wanted).endswith(code)


def test_fast_restores_go_through_their_states(account, refused):
    snapshot_id, missing = account.snapshot(), "snap-0123456789abcdef0"
    enable = account.ec2.enable_fast_snapshot_restores
    made = enable(AvailabilityZones=[ZONE], SourceSnapshotIds=[snapshot_id, missing])
    (successful,) = made["Successful"]
    assert (successful["State"], successful["AvailabilityZone"]) == ("enabling", ZONE)
    (unsuccessful,) = made["Unsuccessful"]
    (error,) = unsuccessful["FastSnapshotRestoreStateErrors"]
    assert (unsuccessful["SnapshotId"], error["Error"]["Code"]) == (
        *(missing, "InvalidSnapshot.NotFound"),
    )

    def shown():
        filters = [{"Name": "snapshot-id", "Values": [snapshot_id]}]
        found = account.ec2.describe_fast_snapshot_restores(Filters=filters)
        return [each["State"] for each in found["FastSnapshotRestores"]]

    account.clock.advance(account.server.options.resource_delay_s * 0.6)
    assert shown() == ["optimizing"]
    account.wait()
    assert shown() == ["enabled"]
    disable = account.ec2.disable_fast_snapshot_restores
    wanted = {"AvailabilityZones": [ZONE], "SourceSnapshotIds": [snapshot_id]}
    assert disable(**wanted)["Successful"][0]["State"] == "disabling"
    account.wait()
    assert shown() == []
    assert disable(**wanted)["Unsuccessful"]
    assert refused(enable, AvailabilityZones=["x"], SourceSnapshotIds=[snapshot_id]) == (
        "InvalidZone.NotFound"
    )
    many = [account.snapshot() for _ in range(6)]
    made = enable(AvailabilityZones=[ZONE], SourceSnapshotIds=many)
    assert [each["SnapshotId"] for each in made["Unsuccessful"]] == many[5:]


def test_a_volume_of_a_snapshot(account, refused):
    wanted = {
        "AvailabilityZone": ZONE,
        "SnapshotId": account.snapshot(VolumeSize=2),
        "VolumeType": "gp3",
        "ClientToken": "volume",
        "VolumeInitializationRate": 200,
        "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "k", "Value": "v"}]}],
    }
    create = account.ec2.create_volume
    volume = create(**wanted)
    assert (volume["State"], volume["Size"], volume["Iops"]) == ("creating", 2, 3000)
    assert (volume["Throughput"], volume["Encrypted"]) == (125, False)
    assert create(**wanted)["VolumeId"] == volume["VolumeId"]
    assert refused(create, **{**wanted, "Size": 9}) == "IdempotentParameterMismatch"
    account.wait()
    filters = [{"Name": "snapshot-id", "Values": [wanted["SnapshotId"]]}]
    (found,) = account.ec2.describe_volumes(Filters=filters)["Volumes"]
    assert (found["State"], found["Tags"]) == ("available", [{"Key": "k", "Value": "v"}])
    account.ec2.delete_volume(VolumeId=volume["VolumeId"])
    gone = {"VolumeIds": [volume["VolumeId"]]}
    assert refused(account.ec2.describe_volumes, **gone) == "InvalidVolume.NotFound"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Size": 1}, "InvalidParameterValue"),
        ({"AvailabilityZone": "us-west-2a"}, "InvalidZone.NotFound"),
        ({"AvailabilityZone": ""}, "MissingParameter"),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({"VolumeType": "io1", "Size": 4}, "MissingParameter"),
        ({"VolumeType": "gp2", "Iops": 100}, "InvalidParameterCombination"),
        ({"VolumeType": "gp3", "Throughput": 9}, "InvalidParameterValue"),
        ({"VolumeType": "st1"}, "InvalidParameterValue"),
        ({"VolumeType": "gp9"}, "InvalidParameterValue"),
        ({"KmsKeyId": OWN_KEY}, "InvalidParameterDependency"),
        ({"VolumeInitializationRate": 99}, "InvalidParameterValue"),
    ],
)
def test_volumes_that_cannot_be(account, refused, fields, code):
    wanted = {"AvailabilityZone": ZONE, **fields}
    wanted.setdefault("SnapshotId", account.snapshot(VolumeSize=2))
    assert refused(account.ec2.create_volume, **wanted) == code


def test_a_volume_under_a_key_that_cannot_be_used_is_gone_without_a_word(account, refused):
    wanted = {"AvailabilityZone": ZONE, "Size": 1, "Encrypted": True, "KmsKeyId": THERE}
    volume_id = account.ec2.create_volume(**wanted)["VolumeId"]
    assert account.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    account.wait()
    assert refused(account.ec2.describe_volumes, VolumeIds=[volume_id]) == "InvalidVolume.NotFound"


def test_encryption_by_default_holds_for_all_that_is_made_in_its_region(account):
    ec2 = account.server.client("ec2", region_name="eu-west-1")
    ec2.enable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/default"
    assert ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)["KmsKeyId"] == key
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)
    assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, key)
    ebs = account.server.client("ebs", region_name="eu-west-1")
    assert ebs.start_snapshot(VolumeSize=1)["KmsKeyArn"] == key
    source = account.snapshot()
    copy_id = ec2.copy_snapshot(SourceRegion="eu-central-1", SourceSnapshotId=source)["SnapshotId"]
    assert state(ec2, copy_id)["KmsKeyId"] == key
    ec2.reset_ebs_default_kms_key_id()
    ec2.disable_ebs_encryption_by_default()
    assert not ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["Encrypted"]


def test_tags_of_everything(account, refused):
    snapshot_id = account.snapshot(Tags=[{"Key": "a", "Value": "1"}])
    image_id = account.image(snapshot_id)
    volume_id = account.ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    names = [snapshot_id, image_id, volume_id]
    fresh = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    account.ec2.create_tags(Resources=names, Tags=fresh)

    def shown():
        filters = [{"Name": "resource-id", "Values": names}]
        found = account.ec2.describe_tags(Filters=filters)["Tags"]
        return sorted((each["ResourceType"], each["Key"], each["Value"]) for each in found)

    kinds = ("image", "snapshot", "volume")
    assert shown() == [(kind, *pair) for kind in kinds for pair in (("a", "2"), ("b", ""))]
    account.ec2.delete_tags(Resources=names, Tags=[{"Key": "a", "Value": "x"}, {"Key": "b"}])
    assert shown() == [(kind, "a", "2") for kind in kinds]
    account.ec2.delete_tags(Resources=names[:1])
    assert shown() == [(kind, "a", "2") for kind in ("image", "volume")]
    create = account.ec2.create_tags
    for tags, code in (
        ([{"Key": "aws:x", "Value": ""}], "InvalidParameterValue"),
        ([{"Key": "x" * 128, "Value": ""}], "InvalidParameterValue"),
        ([{"Key": str(number), "Value": ""} for number in range(51)], "TagLimitExceeded"),
    ):
        assert refused(create, Resources=[image_id], Tags=tags) == code
    for name, code in (
        ("ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("vpc-1", "InvalidID"),
    ):
        assert refused(create, Resources=[image_id, name], Tags=fresh) == code
    assert shown() == [(kind, "a", "2") for kind in ("image", "volume")]
