"""Two accounts in two Regions: each an emulator that knows only its own keys and Region."""

import base64
import hashlib
import random

import boto3
import pytest
from support.served import BLOCK, Served

from bulkput import CopyOptions, TuningSettings

HERE, THERE = "eu-west-1", "us-west-2"
KEYS = {HERE: ("AKIAHERE000000000000", "here/secret"), THERE: ("AKIATHERE00000000000", "there/s")}


class Account:
    """One end, and boto3 as an independent client of it."""

    def __init__(self, root, region):
        self.region = region
        access_key, secret_key = KEYS[region]
        self.served = Served(root, region=region, access_key=access_key, secret_key=secret_key)
        self.url = self.served.url
        self.store = self.served.emulator.store
        self.ebs, self.ec2 = (
            boto3.client(
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
            )
            for service in ("ebs", "ec2")
        )

    def make(self, blocks, **attributes):
        """Make a completed snapshot of blocks by index; returns its id."""
        started = self.ebs.start_snapshot(VolumeSize=1, **attributes)
        snapshot_id = started["SnapshotId"]
        for index, content in blocks.items():
            self.ebs.put_snapshot_block(
                SnapshotId=snapshot_id,
                BlockIndex=index,
                BlockData=content,
                DataLength=BLOCK,
                Checksum=base64.b64encode(hashlib.sha256(content).digest()).decode(),
                ChecksumAlgorithm="SHA256",
            )
        self.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=len(blocks))
        return snapshot_id

    def read(self, snapshot_id):
        """Return the blocks of a snapshot, parents' included, as boto3 reads them."""
        listed = self.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
        return {
            block["BlockIndex"]: self.ebs.get_snapshot_block(
                SnapshotId=snapshot_id,
                BlockIndex=block["BlockIndex"],
                BlockToken=block["BlockToken"],
            )["BlockData"].read()
            for block in listed
        }

    def described(self, snapshot_id):
        return self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]


@pytest.fixture(scope="session")
def ends(tmp_path_factory):
    here = Account(tmp_path_factory.mktemp("here"), HERE)
    there = Account(tmp_path_factory.mktemp("there"), THERE)
    yield here, there
    here.served.stop()
    there.served.stop()


@pytest.fixture
def accounts(ends, monkeypatch, tmp_path):
    """Both ends, with a profile for each."""
    for account in ends:
        account.served.emulator.faults.clear()
    profiles = tmp_path / "credentials"
    profiles.write_text(
        "".join(
            f"[{name}]\naws_access_key_id={key}\naws_secret_access_key={secret}\n"
            for name, (key, secret) in (("here", KEYS[HERE]), ("there", KEYS[THERE]))
        )
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    return ends


@pytest.fixture
def options(accounts, tmp_path):
    """Return the options of a copy from here to there."""
    here, there = accounts

    def of(snapshot_id, *, tuning=None, **more):
        return CopyOptions(
            snapshot_id,
            region=HERE,
            profile="here",
            endpoint_url=here.url,
            to_region=THERE,
            to_profile="there",
            to_endpoint_url=there.url,
            state_dir=tmp_path / "state",
            tuning=tuning or TuningSettings(),
            **more,
        )

    return of


@pytest.fixture
def blocks():
    """Make random blocks at the given indexes."""

    def make(*indexes, seed=0):
        return {index: random.Random(f"{seed}/{index}").randbytes(BLOCK) for index in indexes}

    return make
