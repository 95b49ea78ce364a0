"""Snapshots made by boto3, a client that nobody here wrote, and manifests of them."""

import hashlib
from base64 import b64encode

import boto3
import numpy as np

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter

BLOCK = 524_288


def make_snapshot(url, blocks, **more):
    """Put ``blocks``, by index, into a new snapshot and complete it; return its id."""
    ebs = boto3.client(
        "ebs",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=DEFAULT_ACCESS_KEY,
        aws_secret_access_key=DEFAULT_SECRET_KEY,
    )
    snapshot_id = ebs.start_snapshot(**({"VolumeSize": 1} | more))["SnapshotId"]
    for index, block in blocks.items():
        ebs.put_snapshot_block(
            SnapshotId=snapshot_id,
            BlockIndex=index,
            BlockData=block,
            DataLength=BLOCK,
            Checksum=b64encode(hashlib.sha256(block).digest()).decode(),
            ChecksumAlgorithm="SHA256",
        )
    ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=len(blocks))
    return snapshot_id


def write_manifest(path, snapshot_id, blocks, **more):
    """Write the manifest of a snapshot of 1 GiB that has ``blocks``, by index."""
    facts = {
        "snapshot_id": snapshot_id,
        "parent_snapshot_id": None,
        "volume_size_gib": 1,
        "block_count": 2048,
        "source_path": None,
        "source_size_bytes": None,
        "encrypted": False,
        "region": "us-east-1",
        "endpoint_url": None,
        "created_unix_s": 0.0,
        "program_version": "0",
    }
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks.values())
    with ManifestWriter(path, ManifestHeader(**(facts | more))) as writer:
        rows = np.frombuffer(digests, np.uint8).reshape(-1, 32)
        writer.add(np.array(list(blocks), np.int64), rows)
        writer.finish()
    return path
