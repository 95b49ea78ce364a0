"""Images copied into another Region, by boto3."""

from emulator.ec2.conftest import ACCOUNT, OTHER


def test_a_copy_has_snapshots_of_its_own_in_its_region(account, vectors, refused):
    blocks = {0: vectors.payload("a")}
    image_id = account.image(
        account.snapshot(blocks),
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}],
    )
    wanted = {
        "Name": "a copy",
        "SourceRegion": "eu-central-1",
        "SourceImageId": image_id,
        "Encrypted": True,
        "KmsKeyId": f"arn:aws:kms:{OTHER}:{ACCOUNT}:key/theirs",
        "ClientToken": "token",
        "CopyImageTags": True,
    }
    copy_id = account.other.copy_image(**wanted)["ImageId"]
    assert account.other.copy_image(**wanted)["ImageId"] == copy_id
    another = refused(account.other.copy_image, **{**wanted, "Name": "another"})
    assert another == "IdempotentParameterMismatch"
    assert account.described(copy_id, account.other)["State"] == "pending"
    account.wait()
    copy = account.described(copy_id, account.other)
    assert (copy["State"], copy["SourceImageId"], copy["SourceImageRegion"]) == (
        *("available", image_id, "eu-central-1"),
    )
    assert copy["Tags"] == [{"Key": "k", "Value": "v"}]
    (snapshot_id,) = account.disks(copy_id, account.other)
    (snapshot,) = account.other.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert snapshot["KmsKeyId"] == wanted["KmsKeyId"]
    assert snapshot["Description"].startswith(f"Copied for DestinationAmi {copy_id} from SourceAmi")
    there = account.server.client("ebs", region_name=OTHER)
    (listed,) = there.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
    assert listed["BlockIndex"] == 0
    assert refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot_id]) == (
        "InvalidSnapshot.NotFound"
    )


def test_a_copy_under_a_key_of_another_region_fails_in_the_end(account):
    copy_id = account.other.copy_image(
        Name="bad key",
        SourceRegion="eu-central-1",
        SourceImageId=account.image(),
        Encrypted=True,
        KmsKeyId=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/here",
    )["ImageId"]
    account.wait()
    copy = account.described(copy_id, account.other)
    assert copy["State"] == "failed"
    assert "key ID is not accessible" in copy["StateReason"]["Message"]


def test_tags_of_a_copy_come_from_the_call_and_where_it_asks_for_them_from_the_image(account):
    def tags(**pairs):
        listed = [{"Key": key, "Value": value} for key, value in pairs.items()]
        return [{"ResourceType": "image", "Tags": listed}]

    image_id = account.image(TagSpecifications=tags(a="1", b="1"))
    wanted = {"SourceRegion": "eu-central-1", "SourceImageId": image_id}
    wanted["TagSpecifications"] = tags(b="2", c="2")
    for is_copied, expected in ((True, "a1 b2 c2"), (False, "b2 c2")):
        name = f"tags-{is_copied}"
        made = account.other.copy_image(Name=name, CopyImageTags=is_copied, **wanted)["ImageId"]
        found = account.described(made, account.other)["Tags"]
        assert " ".join(each["Key"] + each["Value"] for each in found) == expected
