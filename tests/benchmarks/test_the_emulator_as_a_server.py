import json
from pathlib import Path
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.clients.commands import ACCESS_KEY, SECRET_KEY
from benchmarks.servers.authority import make_authority
from benchmarks.servers.emulator import Emulator

BLOCK = bytes(524_288)
BLOCK_CHECKSUM = "B4VNL+8pega6gWheZgwzLeNtXRjVRpJ9MNqtbX/aFUE="


def test_puts_and_throttles_are_counted_for_each_snapshot_and_quotas_can_change(
    tmp_path: Path,
) -> None:
    authority = make_authority(tmp_path)
    with Emulator(
        tmp_path, authority, is_tls=True, latency_ms=0, puts_per_s_snapshot=1000
    ) as emulator:
        client = boto3.client(
            "ebs",
            region_name="us-east-1",
            endpoint_url=emulator.url,
            verify=str(authority.ca_path),
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}),
        )

        def put(snapshot_id: str, index: int) -> None:
            client.put_snapshot_block(
                SnapshotId=snapshot_id,
                BlockIndex=index,
                BlockData=BLOCK,
                DataLength=len(BLOCK),
                Checksum=BLOCK_CHECKSUM,
                ChecksumAlgorithm="SHA256",
            )

        first, second = (client.start_snapshot(VolumeSize=1)["SnapshotId"] for _ in range(2))
        for index in range(3):
            put(first, index)
        put(second, 0)
        sample = emulator.sample(0)
        assert (sample.accepted, sample.throttled) == (4, 0)
        assert sorted(emulator.stored_by_snapshot()) == [1, 3]

        emulator.set_quota(puts_per_s_snapshot=0.001)
        put(first, 3)
        with pytest.raises(ClientError, match="RequestThrottledException"):
            put(first, 4)
        assert emulator.sample(0)[1:] == (5, 1)
        client.close()


def test_the_latency_can_change(tmp_path: Path) -> None:
    with Emulator(tmp_path, make_authority(tmp_path), is_tls=False, latency_ms=0) as emulator:
        emulator.set_latency(20, 5)
        with pytest.raises(HTTPError) as refused:
            emulator.set_latency(-1)
        assert "latency_ms" in json.loads(refused.value.read())["message"]
        refused.value.close()
