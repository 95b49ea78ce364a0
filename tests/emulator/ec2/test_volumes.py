"""Volumes of snapshots and empty ones, by boto3."""

import pytest
from emulator.ec2.conftest import OWN_KEY, THERE, ZONE


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
