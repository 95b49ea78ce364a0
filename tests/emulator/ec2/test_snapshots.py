"""Where a snapshot is, and who may restore it, by boto3."""

from emulator.ec2.conftest import FRIEND, OTHER, OWN_KEY, ZONE


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


def test_a_list_is_of_the_region_and_without_what_was_deleted(account):
    kept, deleted = account.snapshot(), account.snapshot()
    account.ec2.delete_snapshot(SnapshotId=deleted)
    here, there = (
        {each["SnapshotId"] for each in ec2.describe_snapshots()["Snapshots"]}
        for ec2 in (account.ec2, account.other)
    )
    assert (kept in here, kept in there, deleted in here) == (True, False, False)


def test_what_is_anothers_is_neither_deleted_nor_registered(account, refused):
    snapshot_id = account.snapshot()
    account.give_away(snapshot_id)
    code = refused(account.ec2.delete_snapshot, SnapshotId=snapshot_id)
    assert code == "UnauthorizedOperation"
    assert refused(account.image, snapshot_id=snapshot_id) == "InvalidParameter"


def test_locks_and_fast_restores_go_with_their_snapshot(account):
    snapshot_id = account.snapshot()
    account.ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="governance", LockDuration=1)
    wanted = {"AvailabilityZones": [ZONE], "SourceSnapshotIds": [snapshot_id]}
    account.ec2.enable_fast_snapshot_restores(**wanted)
    account.clock.advance(86_400)
    assert account.ec2.describe_locked_snapshots()["Snapshots"]
    account.ec2.delete_snapshot(SnapshotId=snapshot_id)
    assert account.ec2.describe_locked_snapshots()["Snapshots"] == []
    found = account.ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"]
    assert snapshot_id not in [each["SnapshotId"] for each in found]
