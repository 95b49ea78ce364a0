"""aiobotocore with a fixed number of tasks on uvloop, blocks read and hashed in threads."""

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterator

import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from benchmarks.clients.arguments import REGION, SNAPSHOT_ID, Job, parse_job
from bulkput.model.block import BLOCK_SIZE_BYTES

_TASKS = 64
"""As many as the threads of the boto3 competitor."""


def _read(descriptor: int, index: int) -> tuple[bytes, str]:
    body = os.pread(descriptor, BLOCK_SIZE_BYTES, index * BLOCK_SIZE_BYTES)
    return body, base64.b64encode(hashlib.sha256(body).digest()).decode()


async def _put_all(job: Job) -> None:
    descriptor = os.open(job.path, os.O_RDONLY)
    indexes = iter(range(job.block_count))
    try:
        async with get_session().create_client(
            "ebs",
            region_name=REGION,
            endpoint_url=job.url,
            verify=str(job.ca_path) if job.ca_path else None,
            config=AioConfig(max_pool_connections=job.concurrency),
        ) as client:

            async def work(mine: Iterator[int]) -> None:
                for index in mine:
                    body, checksum = await asyncio.to_thread(_read, descriptor, index)
                    await client.put_snapshot_block(
                        SnapshotId=SNAPSHOT_ID,
                        BlockIndex=index,
                        BlockData=body,
                        DataLength=BLOCK_SIZE_BYTES,
                        Checksum=checksum,
                        ChecksumAlgorithm="SHA256",
                    )

            async with asyncio.TaskGroup() as tasks:
                for _ in range(job.concurrency):
                    tasks.create_task(work(indexes))
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    uvloop.run(_put_all(parse_job("aiobotocore, tasks on uvloop", concurrency=_TASKS)))
