"""boto3 beside the program under test: snapshots to start from, and what is there afterwards."""

import hashlib
from base64 import b64encode

import boto3

BLOCK = 524_288


class Boto:
    """Clients of one server, with keys of their own: boto3 keeps those of the environment."""

    _session = boto3.Session()
    """Of all tests: EC2's model takes a second to read."""

    def __init__(self, url, key="test", secret="secret"):
        self._given = {
            "endpoint_url": url,
            "aws_access_key_id": key,
            "aws_secret_access_key": secret,
        }

    def client(self, service, region="us-east-1"):
        return self._session.client(service, region_name=region, **self._given)

    def snapshot(self, **attributes):
        """Make a completed snapshot of one block, and return its id."""
        ebs, block = self.client("ebs"), b"x" * BLOCK
        made = ebs.start_snapshot(VolumeSize=1, **attributes)["SnapshotId"]
        ebs.put_snapshot_block(
            SnapshotId=made,
            BlockIndex=0,
            BlockData=block,
            DataLength=BLOCK,
            Checksum=b64encode(hashlib.sha256(block).digest()).decode(),
            ChecksumAlgorithm="SHA256",
        )
        ebs.complete_snapshot(SnapshotId=made, ChangedBlocksCount=1)
        return made

    def made_of(self, snapshot_id, region="us-east-1"):
        """Return ids of copies and volumes that were made of a snapshot, by their tags."""
        ec2 = self.client("ec2", region)
        tagged = [{"Name": "tag:bulkput:source", "Values": [snapshot_id]}]
        copies = ec2.describe_snapshots(OwnerIds=["self"], Filters=tagged)["Snapshots"]
        volumes = ec2.describe_volumes(Filters=tagged)["Volumes"]
        return (
            [each["SnapshotId"] for each in copies],
            [each["VolumeId"] for each in volumes],
        )

    def images(self, region="us-east-1"):
        """Return the account's own images by name."""
        found = self.client("ec2", region).describe_images(Owners=["self"])["Images"]
        return {each["Name"]: each for each in found}
