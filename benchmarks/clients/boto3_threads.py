"""boto3 with a pool of threads that share one client: what most uploaders in Python do."""

import base64
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from benchmarks.clients.arguments import REGION, SNAPSHOT_ID, Job, parse_job
from bulkput.model.block import BLOCK_SIZE_BYTES

_THREADS = 64
"""As coldsnap's default and the uploader of the NixOS images."""


def _put_all(job: Job) -> None:
    client = boto3.client(
        "ebs",
        region_name=REGION,
        endpoint_url=job.url,
        verify=str(job.ca_path) if job.ca_path else None,
        config=Config(max_pool_connections=job.concurrency),
    )
    descriptor = os.open(job.path, os.O_RDONLY)

    def put(index: int) -> None:
        body = os.pread(descriptor, BLOCK_SIZE_BYTES, index * BLOCK_SIZE_BYTES)
        client.put_snapshot_block(
            SnapshotId=SNAPSHOT_ID,
            BlockIndex=index,
            BlockData=body,
            DataLength=BLOCK_SIZE_BYTES,
            Checksum=base64.b64encode(hashlib.sha256(body).digest()).decode(),
            ChecksumAlgorithm="SHA256",
        )

    try:
        with ThreadPoolExecutor(job.concurrency) as pool:
            for _ in pool.map(put, range(job.block_count)):
                pass
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    _put_all(parse_job("boto3, threads sharing a client", concurrency=_THREADS))
