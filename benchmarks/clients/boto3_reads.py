"""boto3 with a pool of threads that reads a snapshot back: into a file, or to compare with one.

Does what bulkput does for every block: the checksum of the answer is computed and compared.
"""

import argparse
import base64
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.clients.arguments import REGION
from bulkput.model.block import BLOCK_SIZE_BYTES

_THREADS = 64
"""As the uploader beside it."""


def _listed(client: Any, snapshot_id: str) -> Iterator[tuple[int, str]]:
    page: dict[str, str] = {}
    while True:
        answer = client.list_snapshot_blocks(SnapshotId=snapshot_id, **page)
        for block in answer["Blocks"]:
            yield block["BlockIndex"], block["BlockToken"]
        if not answer.get("NextToken"):
            return
        page = {"NextToken": answer["NextToken"]}


def _read_all(given: argparse.Namespace) -> None:
    client = boto3.client(
        "ebs",
        region_name=REGION,
        endpoint_url=given.url,
        verify=os.environ["AWS_CA_BUNDLE"],
        config=Config(max_pool_connections=_THREADS),
    )
    flags = os.O_RDONLY if given.compare else os.O_RDWR | os.O_CREAT
    descriptor = os.open(given.path, flags, 0o600)

    def read(block: tuple[int, str]) -> None:
        index, token = block
        answer = client.get_snapshot_block(
            SnapshotId=given.snapshot_id, BlockIndex=index, BlockToken=token
        )
        content = answer["BlockData"].read()
        if base64.b64encode(hashlib.sha256(content).digest()).decode() != answer["Checksum"]:
            raise ValueError(f"block {index} came damaged")
        offset = index * BLOCK_SIZE_BYTES
        if not given.compare:
            os.pwrite(descriptor, content, offset)
        elif os.pread(descriptor, BLOCK_SIZE_BYTES, offset) != content:
            raise ValueError(f"block {index} differs")

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(read, _listed(client, given.snapshot_id)):
                pass
        if not given.compare:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshot_id")
    parser.add_argument("path", type=Path)
    parser.add_argument("url")
    parser.add_argument("--compare", action="store_true")
    _read_all(parser.parse_args())
