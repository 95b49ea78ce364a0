"""One emulator a module with a clock that is moved, and what tests of EC2's calls make on it."""

import dataclasses
import itertools

import pytest
from botocore.exceptions import ClientError
from emulator.conftest import REGION, LiveEmulator

from bulkput.emulator.ec2 import query
from bulkput.emulator.options import EmulatorOptions

OTHER = "us-west-2"
ZONE = f"{REGION}a"
ACCOUNT = "000000000000"
FRIEND = "123456789012"
OWN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
THERE = f"arn:aws:kms:{OTHER}:{ACCOUNT}:key/there"


class Ec2Account:
    """The account by boto3, in two Regions."""

    def __init__(self, server):
        self.server = server
        self.clock = server.clock
        self.ec2 = server.client("ec2")
        self.other = server.client("ec2", region_name=OTHER)
        self.ssm = server.client("ssm")
        self.kms = server.client("kms")
        self._titles = (f"image-{number}" for number in itertools.count())

    def wait(self):
        """Let everything that was asked for be there."""
        self.clock.advance(self.server.options.resource_delay_s + 0.01)

    def snapshot(self, blocks=None, **more):
        return self.server.snapshot(blocks or {}, **more)

    def image(self, snapshot_id=None, *, ec2=None, **more):
        """Register an image, and wait for it."""
        snapshot_id = snapshot_id or self.snapshot()
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot_id}}
        fields = {
            "Name": next(self._titles),
            "Architecture": "x86_64",
            "VirtualizationType": "hvm",
            "RootDeviceName": "/dev/xvda",
            "BlockDeviceMappings": [disk],
        }
        image_id = (ec2 or self.ec2).register_image(**(fields | more))["ImageId"]
        self.wait()
        return image_id

    def described(self, image_id, ec2=None):
        (found,) = (ec2 or self.ec2).describe_images(ImageIds=[image_id])["Images"]
        return found

    def described_snapshot(self, snapshot_id, ec2=None):
        (found,) = (ec2 or self.ec2).describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found

    def give_away(self, snapshot_id):
        """Make a snapshot another account's."""
        store = self.server.emulator.store
        store.replace(dataclasses.replace(store.get(snapshot_id).record, owner_id=FRIEND))

    def disks(self, image_id, ec2=None):
        mappings = self.described(image_id, ec2)["BlockDeviceMappings"]
        return [each["Ebs"]["SnapshotId"] for each in mappings]


def require_known(shape, fields):
    """Hold every member of an answer against AWS's model: a misspelt one would be left out."""
    assert set(fields) <= set(shape.members), (shape.name, set(fields) - set(shape.members))
    return write_members(shape, fields)


write_members = query._write_members


@pytest.fixture(autouse=True)
def known_members(monkeypatch):
    monkeypatch.setattr(query, "_write_members", require_known)


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    root = tmp_path_factory.mktemp("emulator")
    # Unverified: the clock of a module goes on for years.
    options = {"starts_per_s": None, "completes_per_s": None, "verify_signatures": False}
    server = LiveEmulator(EmulatorOptions(root=root, **options))
    yield Ec2Account(server)
    server.stop()


@pytest.fixture(scope="session")
def refused():
    """Return a function that makes a call and returns the code of its refusal."""

    def call(action, **parameters):
        with pytest.raises(ClientError) as caught:
            action(**parameters)
        return caught.value.response["Error"]["Code"]

    return call
