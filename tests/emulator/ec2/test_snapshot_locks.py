"""Locks of snapshots, by boto3."""

import pytest
from emulator.ec2.conftest import ACCOUNT


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
