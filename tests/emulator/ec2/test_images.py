"""Images: registered, listed, shared, deprecated, copied and deregistered, by boto3."""

import base64
import datetime as dt

import pytest
from emulator.ec2.conftest import ACCOUNT, FRIEND, OTHER

ORGANIZATION = f"arn:aws:organizations::{FRIEND}:organization/o-abcdefghij"
UNIT = f"arn:aws:organizations::{FRIEND}:ou/o-abcdefghij/ou-abcd-abcdefgh"


def test_an_image_shows_what_it_was_registered_with(account):
    root, data = account.snapshot(), account.snapshot(VolumeSize=3)
    disks = [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"SnapshotId": root, "VolumeType": "gp3", "Iops": 4000, "Throughput": 200},
        },
        {"DeviceName": "/dev/xvdb", "Ebs": {"SnapshotId": data, "DeleteOnTermination": False}},
        {"DeviceName": "/dev/xvdc", "Ebs": {"VolumeSize": 9, "VolumeType": "io2", "Iops": 100}},
        {"DeviceName": "/dev/xvdd", "VirtualName": "ephemeral0"},
    ]
    image_id = account.ec2.register_image(
        Name="all of it",
        Description="d",
        Architecture="arm64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BootMode="uefi",
        TpmSupport="v2.0",
        ImdsSupport="v2.0",
        EnaSupport=True,
        SriovNetSupport="simple",
        UefiData=base64.b64encode(b"variables").decode(),
        BlockDeviceMappings=disks,
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}],
    )["ImageId"]
    assert account.described(image_id)["State"] == "pending"
    account.wait()
    found = account.described(image_id)
    assert found["State"] == "available"
    expected = {
        "Name": "all of it",
        "Description": "d",
        "Architecture": "arm64",
        "BootMode": "uefi",
        "TpmSupport": "v2.0",
        "ImdsSupport": "v2.0",
        "EnaSupport": True,
        "Public": False,
        "SriovNetSupport": "simple",
        "RootDeviceName": "/dev/xvda",
        "RootDeviceType": "ebs",
        "OwnerId": ACCOUNT,
        "ImageType": "machine",
        "VirtualizationType": "hvm",
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    assert {name: found[name] for name in expected} == expected
    first, second, third, fourth = found["BlockDeviceMappings"]
    assert first["Ebs"] == {
        "SnapshotId": root,
        "VolumeSize": 1,
        "VolumeType": "gp3",
        "Encrypted": False,
        "Iops": 4000,
        "Throughput": 200,
        "DeleteOnTermination": True,
    }
    assert (second["Ebs"]["VolumeSize"], second["Ebs"]["DeleteOnTermination"]) == (3, False)
    assert (third["Ebs"]["VolumeSize"], third["Ebs"]["Iops"]) == (9, 100)
    assert fourth["VirtualName"] == "ephemeral0"
    uefi = account.ec2.describe_image_attribute(ImageId=image_id, Attribute="uefiData")
    assert base64.b64decode(uefi["UefiData"]["Value"]) == b"variables"


def test_the_defaults_are_those_of_the_last_century(account):
    found = account.described(
        account.ec2.register_image(
            Name="defaults",
            BlockDeviceMappings=[
                {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": account.snapshot()}}
            ],
        )["ImageId"]
    )
    assert (found["Architecture"], found["VirtualizationType"]) == ("i386", "paravirtual")
    assert found["RootDeviceName"] == "/dev/sda1"
    assert not {"BootMode", "EnaSupport", "TpmSupport", "ImdsSupport", "Tags"} & found.keys()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Name": "a{b"}, "InvalidAMIName.Malformed"),
        ({"Name": "a*b"}, "InvalidAMIName.Malformed"),
        ({"Name": "x" * 129}, "InvalidAMIName.Malformed"),
        ({"RootDeviceName": "/dev/xvdz"}, "InvalidBlockDeviceMapping"),
        ({"BlockDeviceMappings": []}, "InvalidBlockDeviceMapping"),
        ({"Architecture": "arm64", "BootMode": "legacy-bios"}, "InvalidParameterCombination"),
        ({"TpmSupport": "v2.0"}, "InvalidParameterCombination"),
        ({"TpmSupport": "v2.0", "BootMode": "uefi-preferred"}, "InvalidParameterCombination"),
        ({"VirtualizationType": "paravirtual", "EnaSupport": True}, "InvalidParameterCombination"),
        ({"BootMode": "efi"}, "InvalidParameterValue"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
        ({"UefiData": "not base64"}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
        (
            {"TagSpecifications": [{"ResourceType": "snapshot", "Tags": []}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_what_cannot_be_registered(account, refused, changes, code):
    assert refused(account.image, **changes) == code


@pytest.mark.parametrize(
    ("ebs", "code"),
    [
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({"SnapshotId": "nonsense"}, "InvalidParameterValue"),
        ({"Encrypted": True}, "InvalidBlockDeviceMapping"),
        ({"VolumeSize": 1, "SnapshotId": "of 3 GiB"}, "InvalidBlockDeviceMapping"),
        ({"VolumeType": "io2"}, "MissingParameter"),
        ({"VolumeType": "gp3", "Iops": 1}, "InvalidParameterValue"),
        ({"VolumeType": "gp2", "Throughput": 200}, "InvalidParameterCombination"),
        ({"SnapshotId": "pending"}, "IncorrectState"),
    ],
)
def test_disks_that_cannot_be_an_images(account, refused, ebs, code):
    makers = {
        "of 3 GiB": lambda: account.snapshot(VolumeSize=3),
        "pending": account.server.start,
    }
    wanted = ebs.get("SnapshotId", "of one GiB")
    made = makers.get(wanted, account.snapshot if wanted == "of one GiB" else lambda: wanted)()
    full = {**ebs, "SnapshotId": made}
    disk = {"DeviceName": "/dev/xvda", "Ebs": {k: v for k, v in full.items() if v is not None}}
    assert refused(account.image, BlockDeviceMappings=[disk]) == code


def test_a_name_is_an_images_until_it_is_deregistered_and_once_in_each_region(account, refused):
    first = account.image(Name="web-1")
    assert refused(account.image, Name="web-1") == "InvalidAMIName.Duplicate"
    copy = account.other.copy_image(Name="web-1", SourceRegion="eu-central-1", SourceImageId=first)
    assert copy["ImageId"] != first
    account.ec2.deregister_image(ImageId=first)
    assert refused(account.ec2.describe_images, ImageIds=[first]) == "InvalidAMIID.NotFound"
    assert refused(account.ec2.deregister_image, ImageId=first) == "InvalidAMIID.NotFound"
    assert account.image(Name="web-1")


def test_images_are_found_by_what_they_are(account):
    mine = account.image(
        Name="db-7",
        Description="a database",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "family", "Value": "db"}]}],
    )
    (snapshot_id,) = account.disks(mine)
    for name, value in (
        *(("name", "db-?"), ("name", "*-7"), ("tag:family", "d*"), ("tag-key", "family")),
        *(("description", "a database"), ("image-id", mine)),
        ("block-device-mapping.snapshot-id", snapshot_id),
    ):
        filters = [{"Name": name, "Values": ["nothing", value]}, {"Name": "state", "Values": ["*"]}]
        found = account.ec2.describe_images(Filters=filters)["Images"]
        assert [each["ImageId"] for each in found] == [mine], name
    listed = [each["ImageId"] for each in account.ec2.describe_images(Owners=["self"])["Images"]]
    assert mine in listed
    assert account.ec2.describe_images(Owners=["amazon"])["Images"] == []
    pages = account.ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 2})
    assert [each["ImageId"] for page in pages for each in page["Images"]] == listed
    assert (
        account.other.describe_images(Filters=[{"Name": "name", "Values": ["db-7"]}])["Images"]
        == []
    )


def test_launch_permissions_of_every_kind(account, refused):
    image_id = account.image()
    everybody = [
        *({"UserId": FRIEND}, {"Group": "all"}, {"OrganizationArn": ORGANIZATION}),
        {"OrganizationalUnitArn": UNIT},
    ]
    modify = account.ec2.modify_image_attribute
    modify(ImageId=image_id, LaunchPermission={"Add": everybody})
    modify(ImageId=image_id, LaunchPermission={"Add": everybody[:1]})

    def shown():
        return account.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")[
            "LaunchPermissions"
        ]

    assert shown() == everybody
    assert account.described(image_id)["Public"]
    users = account.ec2.describe_images(ExecutableUsers=[FRIEND])["Images"]
    assert image_id in [each["ImageId"] for each in users]
    modify(
        ImageId=image_id,
        Attribute="launchPermission",
        OperationType="remove",
        UserIds=[FRIEND],
        UserGroups=["all"],
    )
    assert shown() == everybody[2:]
    account.ec2.reset_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert shown() == []
    for item, code in (
        ({"UserId": "12"}, "InvalidUserID.Malformed"),
        ({"Group": "some"}, "InvalidParameterValue"),
        ({"OrganizationArn": "arn:aws:iam::1:root"}, "InvalidParameterValue"),
        ({"OrganizationalUnitArn": ORGANIZATION}, "InvalidParameterValue"),
    ):
        change = {"Add": [item]}
        assert refused(modify, ImageId=image_id, LaunchPermission=change) == code


def test_what_is_under_awss_own_key_is_not_shared_and_what_is_encrypted_not_publicly(
    account, refused
):
    modify = account.ec2.modify_image_attribute
    aws, own = (
        account.snapshot(Encrypted=True),
        account.snapshot(KmsKeyArn=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/own"),
    )
    friend, public = {"Add": [{"UserId": FRIEND}]}, {"Add": [{"Group": "all"}]}
    under_aws, under_own = account.image(aws), account.image(own)
    assert refused(modify, ImageId=under_aws, LaunchPermission=friend) == "InvalidParameter"
    assert refused(modify, ImageId=under_own, LaunchPermission=public) == "InvalidParameter"
    modify(ImageId=under_own, LaunchPermission=friend)


def test_public_images_can_be_blocked(account, refused):
    image_id = account.image()
    public = {"ImageId": image_id, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    account.ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    state = account.ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"]
    assert state == "block-new-sharing"
    assert refused(account.ec2.modify_image_attribute, **public) == "OperationNotPermitted"
    account.ec2.disable_image_block_public_access()
    account.ec2.modify_image_attribute(**public)


def test_description_and_imds_change_and_are_one_at_a_time(account, refused):
    image_id = account.image()
    modify = account.ec2.modify_image_attribute
    modify(ImageId=image_id, Description={"Value": "new"})
    modify(ImageId=image_id, ImdsSupport={"Value": "v2.0"})
    modify(ImageId=image_id, Attribute="description", Value="newer")
    found = account.described(image_id)
    assert (found["Description"], found["ImdsSupport"]) == ("newer", "v2.0")
    assert refused(modify, ImageId=image_id) == "MissingParameter"
    both = {"Description": {"Value": "x"}, "ImdsSupport": {"Value": "v2.0"}}
    assert refused(modify, ImageId=image_id, **both) == "InvalidParameterCombination"


def test_deprecation_is_to_the_minute_and_can_be_taken_back(account, refused):
    image_id = account.image()
    enable = account.ec2.enable_image_deprecation
    now = dt.datetime.fromtimestamp(account.clock.unix_s(), dt.UTC)
    wanted = (now + dt.timedelta(days=30)).replace(second=29, microsecond=0)
    assert enable(ImageId=image_id, DeprecateAt=wanted)["Return"]
    expected = wanted.replace(second=0).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert account.described(image_id)["DeprecationTime"] == expected
    account.ec2.disable_image_deprecation(ImageId=image_id)
    assert "DeprecationTime" not in account.described(image_id)
    for days in (-1, 4000):
        at = now + dt.timedelta(days=days)
        assert refused(enable, ImageId=image_id, DeprecateAt=at) == "InvalidParameterValue"


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


def test_a_snapshot_of_an_image_stays_until_that_is_deregistered_with_it(account, refused):
    snapshot_id = account.snapshot()
    first, second = account.image(snapshot_id), account.image(snapshot_id)
    assert refused(account.ec2.delete_snapshot, SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    deregister = account.ec2.deregister_image
    results = deregister(ImageId=first, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert results == [{"SnapshotId": snapshot_id, "ReturnCode": "skipped"}]
    results = deregister(ImageId=second, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert results == [{"SnapshotId": snapshot_id, "ReturnCode": "success"}]
    assert refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot_id]) == (
        "InvalidSnapshot.NotFound"
    )


def test_an_image_that_is_used_is_seen_in_instances_and_launch_templates(account, refused):
    image_id = account.image()
    ran = account.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=2)["Instances"]
    filters = [{"Name": "image-id", "Values": [image_id]}]

    def instances():
        found = account.ec2.describe_instances(Filters=filters)["Reservations"]
        return [each["Instances"][0]["State"]["Name"] for each in found]

    assert instances() == ["running", "running"]
    account.ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in ran])
    assert instances() == ["terminated", "terminated"]
    account.clock.advance(3601)
    assert instances() == []
    create = account.ec2.create_launch_template
    template = create(LaunchTemplateName="t-1", LaunchTemplateData={"ImageId": image_id})
    name = template["LaunchTemplate"]["LaunchTemplateId"]
    assert refused(
        create, LaunchTemplateName="t-1", LaunchTemplateData={"InstanceType": "t3.nano"}
    ) == ("InvalidLaunchTemplateName.AlreadyExistsException")
    account.ec2.create_launch_template_version(
        LaunchTemplateId=name, LaunchTemplateData={"ImageId": "ami-00000000"}
    )
    versions = account.ec2.describe_launch_template_versions
    found = versions(LaunchTemplateId=name)["LaunchTemplateVersions"]
    assert [each["LaunchTemplateData"]["ImageId"] for each in found] == ["ami-00000000", image_id]
    found = versions(Versions=["$Default"])["LaunchTemplateVersions"]
    assert [each["LaunchTemplateData"]["ImageId"] for each in found] == [image_id]
    account.ec2.modify_launch_template(LaunchTemplateId=name, DefaultVersion="2")
    (shown,) = account.ec2.describe_launch_templates(LaunchTemplateNames=["t-1"])["LaunchTemplates"]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)
    account.ec2.delete_launch_template(LaunchTemplateId=name)
    assert account.ec2.describe_launch_templates()["LaunchTemplates"] == []
