"""moto's server, not bent at all: it lists in the order of puts and has blocks of another size."""

import hashlib
from base64 import b64encode

import boto3
import pytest
from moto.server import ThreadedMotoServer
from support.served import BLOCK


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def snapshot_id(bulkput, moto, tmp_path, monkeypatch):
    """A snapshot whose blocks were put from the last to the first."""
    for name, value in {
        "BULKPUT_ENDPOINT": moto,
        "BULKPUT_STATE_DIR": str(tmp_path / "state"),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAMOTO",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    ebs = boto3.client(
        "ebs",
        endpoint_url=moto,
        region_name="us-east-1",
        aws_access_key_id="AKIAMOTO",  # not from the environment: boto3 keeps what it finds there
        aws_secret_access_key="secret",
    )
    found = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    for index in (9, 5, 0):
        block = bytes([index + 1]) * BLOCK
        ebs.put_snapshot_block(
            SnapshotId=found,
            BlockIndex=index,
            BlockData=block,
            DataLength=BLOCK,
            Checksum=b64encode(hashlib.sha256(block).digest()).decode(),
            ChecksumAlgorithm="SHA256",
        )
    ebs.complete_snapshot(SnapshotId=found, ChangedBlocksCount=3)
    return found


def test_no_command_does_anything_on_its_word(bulkput, snapshot_id, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(b"x" * BLOCK)
    for command in (
        ("verify", snapshot_id, "--source", image),
        ("download", snapshot_id, tmp_path / "out.img"),
        ("copy", snapshot_id, "--to-region", "us-west-2"),
        ("upload", image),
        ("upload", image, "--parent", snapshot_id),
        ("diff", snapshot_id, snapshot_id),
    ):
        ended = bulkput(*command)
        assert ended.status == 7, (command, ended.err)
        assert "Traceback" not in ended.err
        assert ended.out == ""
    assert not (tmp_path / "out.img").exists()
