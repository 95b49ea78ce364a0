"""What an image may be registered from, and what it shows of it, by boto3."""

import base64

import pytest
from emulator.ec2.conftest import ACCOUNT


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
