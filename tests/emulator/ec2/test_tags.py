"""Tags of images, snapshots and volumes, by boto3."""

from emulator.ec2.conftest import ZONE


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
