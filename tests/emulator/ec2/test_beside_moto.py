"""The same calls to the emulator and to moto, which nobody here wrote: where they differ is known.

What is in the table was looked up in the EC2 and Systems Manager API references. moto may catch up;
a difference that is not in the table fails.
"""

import logging
from types import SimpleNamespace

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from emulator.conftest import LiveEmulator, boto3_client
from emulator.ec2.conftest import FRIEND, OTHER, ZONE

from bulkput.emulator.ec2.actions import ACTIONS
from bulkput.emulator.json_calls.actions import JSON_ACTIONS
from bulkput.emulator.options import EmulatorOptions

pytestmark = pytest.mark.long

NOT_IN_MOTO = {
    *("DescribeLockedSnapshots", "LockSnapshot", "UnlockSnapshot"),
    *("EnableFastSnapshotRestores", "DisableFastSnapshotRestores", "DescribeFastSnapshotRestores"),
    *("EnableImageDeprecation", "DisableImageDeprecation"),
    *("GetImageBlockPublicAccessState", "GetSnapshotBlockPublicAccessState"),
    *("EnableImageBlockPublicAccess", "EnableSnapshotBlockPublicAccess"),
    *("DisableImageBlockPublicAccess", "DisableSnapshotBlockPublicAccess"),
    *("GetEbsDefaultKmsKeyId", "ResetEbsDefaultKmsKeyId"),
}

DIFFERENCES = {
    # What was given to RegisterImage is what DescribeImages shows.
    "image: architecture": ("x86_64", None),
    "image: ENA, TPM, IMDS": ((True, "v2.0", "v2.0"), (None, None, None)),
    "image: root": (("/dev/xvda", "ebs", "hvm"), ("/dev/sda1", "standard", None)),
    "image: disk": (("gp3", 1, True), ("standard", 15, False)),
    "image: tags": ([{"Key": "k", "Value": "v"}], []),
    # "Constraints: 3-128 ...", InvalidAMIName.Duplicate: "already in use by another AMI".
    "image: same name again": ("InvalidAMIName.Duplicate", "registered"),
    # "You cannot delete a snapshot of the root device of an EBS volume used by a registered AMI."
    "snapshot: deleted in use": ("InvalidSnapshot.InUse", "deleted"),
    # "The IDs of the snapshot copies" are of the Region, and the description is what was given.
    "copy: of an image shows its source": (True, False),
    # The client token is there "to ensure the idempotency of the request".
    "volume: same token again": ("same", "another"),
    "volume: figures of gp3": ((3000, 125), (3000, None)),
    "volume: too small": ("InvalidParameterValue", "made"),
    "volume: io2 without IOPS": ("MissingParameter", "InvalidParameterDependency"),
    # The value is validated: "a successful HTTP 200 response does not guarantee ...".
    "parameter: of no image": ("ParameterNotFound", "ami-00000000000000000"),
    # "A deregistered AMI is not shown": after some hours, that is; at once here.
    "image: gone": ("InvalidAMIID.NotFound", 0),
}


def code_or(call, result):
    """Return the code of a call's refusal, or what ``result`` makes of its answer."""
    try:
        return result(call())
    except ClientError as error:
        return error.response["Error"]["Code"]


class Sequence:
    """One account that is asked the same as the other."""

    def __init__(self, url):
        def client(service, region="eu-central-1"):
            return boto3_client(service, url, region_name=region)

        self.ec2, self.ebs, self.ssm = client("ec2"), client("ebs"), client("ssm")
        self.other = client("ec2", OTHER)

    def snapshot(self):
        snapshot_id = self.ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
        self.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=0)
        return snapshot_id

    def described(self, image_id, ec2=None):
        return (ec2 or self.ec2).describe_images(ImageIds=[image_id])["Images"]

    def images(self):
        ec2, snapshot_id = self.ec2, self.snapshot()
        ebs = {"SnapshotId": snapshot_id, "VolumeType": "gp3"}
        wanted = {
            "Name": "web-1",
            "Architecture": "x86_64",
            "VirtualizationType": "hvm",
            "RootDeviceName": "/dev/xvda",
            "EnaSupport": True,
            "BootMode": "uefi",
            "TpmSupport": "v2.0",
            "ImdsSupport": "v2.0",
            "Description": "d",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}],
            "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}],
        }
        image_id = ec2.register_image(**wanted)["ImageId"]
        (image,) = self.described(image_id)
        (disk,) = image["BlockDeviceMappings"]
        yield "image: name", image["Name"]
        yield "image: boot mode", image["BootMode"]
        yield "image: state", (image["State"], image["Public"], image["ImageType"])
        yield "image: architecture", image.get("Architecture")
        support = ("EnaSupport", "TpmSupport", "ImdsSupport")
        yield "image: ENA, TPM, IMDS", tuple(image.get(name) for name in support)
        root = ("RootDeviceName", "RootDeviceType", "VirtualizationType")
        yield "image: root", tuple(image.get(name) for name in root)
        figures = ("VolumeType", "VolumeSize", "DeleteOnTermination")
        yield "image: disk", tuple(disk["Ebs"][name] for name in figures)
        yield "image: tags", image.get("Tags", [])
        yield (
            "image: same name again",
            code_or(lambda: ec2.register_image(**wanted), lambda _: "registered"),
        )
        yield (
            "image: dry run",
            code_or(lambda: ec2.register_image(**{**wanted, "Name": "dry", "DryRun": True}), str),
        )
        yield "image: share", self.shared(image_id)
        yield "image: unknown", code_or(lambda: self.described("ami-0123456789abcdef0"), len)
        by_name = [{"Name": "name", "Values": ["we?-1"]}]
        yield (
            "image: found by its name",
            bool(ec2.describe_images(Owners=["self"], Filters=by_name)["Images"]),
        )
        copy_id = self.other.copy_image(
            Name="copied", SourceRegion="eu-central-1", SourceImageId=image_id
        )["ImageId"]
        (copy,) = self.described(copy_id, self.other)
        yield "copy: of an image", copy["Name"]
        yield "copy: of an image shows its source", copy.get("SourceImageId") == image_id
        yield (
            "snapshot: deleted in use",
            code_or(lambda: ec2.delete_snapshot(SnapshotId=snapshot_id), lambda _: "deleted"),
        )
        yield "image: deregistered", ec2.deregister_image(ImageId=image_id)["Return"]
        yield "image: gone", code_or(lambda: self.described(image_id), len)

    def shared(self, image_id):
        add = {"Add": [{"UserId": FRIEND}, {"Group": "all"}]}
        self.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=add)
        held = self.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
        return sorted(each.get("UserId", "all") for each in held["LaunchPermissions"])

    def snapshots(self):
        ec2, snapshot_id = self.ec2, self.snapshot()
        copied = self.other.copy_snapshot(
            SourceRegion="eu-central-1", SourceSnapshotId=snapshot_id, Description="a copy"
        )["SnapshotId"]
        (copy,) = self.other.describe_snapshots(SnapshotIds=[copied])["Snapshots"]
        names = ("State", "VolumeSize", "Encrypted", "Description")
        yield "copy: of a snapshot", tuple(copy[name] for name in names)
        yield (
            "copy: elsewhere only",
            code_or(lambda: ec2.describe_snapshots(SnapshotIds=[copied]), len),
        )
        held = {"SnapshotId": snapshot_id, "Attribute": "createVolumePermission"}
        ec2.modify_snapshot_attribute(**held, OperationType="add", UserIds=[FRIEND])
        shown = ec2.describe_snapshot_attribute(**held)["CreateVolumePermissions"]
        yield "snapshot: share", shown
        ec2.create_tags(Resources=[snapshot_id], Tags=[{"Key": "a", "Value": "1"}])
        (found,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        yield "snapshot: tags", found["Tags"]
        ec2.delete_tags(Resources=[snapshot_id], Tags=[{"Key": "a"}])
        (found,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        yield "snapshot: no tags", found.get("Tags", [])
        yield from self.volumes(snapshot_id)

    def volumes(self, snapshot_id):
        create = self.ec2.create_volume
        wanted = {"AvailabilityZone": ZONE, "SnapshotId": snapshot_id, "VolumeType": "gp3"}
        volume = create(**wanted, ClientToken="t")
        yield "volume: made", (volume["Size"], volume["SnapshotId"] == snapshot_id)
        yield "volume: figures of gp3", (volume.get("Iops"), volume.get("Throughput"))
        again = create(**wanted, ClientToken="t")["VolumeId"]
        yield "volume: same token again", "same" if again == volume["VolumeId"] else "another"
        size = {**wanted, "Size": 0}
        yield "volume: too small", code_or(lambda: create(**size), lambda _: "made")
        dear = {"AvailabilityZone": ZONE, "Size": 4, "VolumeType": "io2"}
        yield "volume: io2 without IOPS", code_or(lambda: create(**dear), lambda _: "made")
        yield (
            "volume: unknown snapshot",
            code_or(
                lambda: create(AvailabilityZone=ZONE, SnapshotId="snap-0123456789abcdef0"), str
            ),
        )
        self.ec2.delete_volume(VolumeId=volume["VolumeId"])
        wanted = {"VolumeIds": [volume["VolumeId"]]}
        yield "volume: gone", code_or(lambda: self.ec2.describe_volumes(**wanted), str)
        yield (
            "account: not encrypted by default",
            (self.ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]),
        )

    def parameters(self):
        put, get = self.ssm.put_parameter, self.ssm.get_parameter
        yield "parameter: first version", put(Name="/a", Value="1", Type="String")["Version"]
        yield "parameter: again", code_or(lambda: put(Name="/a", Value="2", Type="String"), str)
        yield "parameter: overwritten", put(Name="/a", Value="2", Overwrite=True)["Version"]
        found = get(Name="/a")["Parameter"]
        names = ("Name", "Type", "Value", "Version", "DataType")
        yield "parameter: got", tuple(found[name] for name in names)
        several = self.ssm.get_parameters(Names=["/a", "/none"])
        yield "parameter: several", (len(several["Parameters"]), several["InvalidParameters"])
        yield "parameter: none", code_or(lambda: get(Name="/none"), str)
        image = {"Value": "ami-00000000000000000", "DataType": "aws:ec2:image"}
        put(Name="/i", Type="String", **image)
        yield (
            "parameter: of no image",
            code_or(lambda: get(Name="/i"), lambda answer: answer["Parameter"]["Value"]),
        )
        self.ssm.delete_parameter(Name="/a")
        yield "parameter: deleted", code_or(lambda: get(Name="/a"), str)

    def facts(self):
        return dict((*self.images(), *self.snapshots(), *self.parameters()))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return what each of the two answers."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    options = EmulatorOptions(
        root=tmp_path_factory.mktemp("emulator"),
        starts_per_s=None,
        completes_per_s=None,
        completion_delay_s=0.0,
        resource_delay_s=0.0,
    )
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - as below

    emulator = LiveEmulator(options)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        yield SimpleNamespace(
            emulator=Sequence(emulator.url).facts(),
            moto=Sequence(f"http://{host}:{port}").facts(),
        )
    finally:
        moto.stop()
        emulator.stop()


def test_where_the_emulator_and_moto_differ_is_known(answers):
    differences = {
        name: (answers.emulator[name], answers.moto[name])
        for name in answers.emulator
        if answers.emulator[name] != answers.moto[name]
    }
    assert differences.items() <= DIFFERENCES.items()
    assert {name: answers.emulator[name] for name in DIFFERENCES} == {
        name: ours for name, (ours, _) in DIFFERENCES.items()
    }


def test_what_moto_does_not_have_is_known():
    """A filter by a disk's snapshot either, nor a copy's tags: HTTP 500 with a page."""
    from moto.ec2.responses import EC2Response  # noqa: PLC0415 - 2 s, which no other suite pays
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - as above

    responses = {"ec2": EC2Response, "ssm": SimpleSystemManagerResponse}
    calls = {*(("ec2", action) for action in ACTIONS), *JSON_ACTIONS}
    missing = {
        action
        for service, action in calls
        if service in responses and not hasattr(responses[service], xform_name(action))
    }
    assert missing <= NOT_IN_MOTO
