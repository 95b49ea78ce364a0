"""What a rehearsal holds is a disk: no other user of the machine reads it."""

import contextlib
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY
from bulkput.emulator.store import Store
from bulkput.jobs.process.embedded_server import embedded_server
from bulkput.model.errors import LedgerError, TemporaryError


def client(service, url, access_key, secret_key):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


async def test_the_documented_key_opens_no_rehearsal(tmp_path):
    async with embedded_server(tmp_path / "embedded") as server:
        own = server.credentials
        ours = client("ebs", server.url, own.access_key, own.secret_key)
        snapshot_id = ours.start_snapshot(VolumeSize=1)["SnapshotId"]
        for keys, of_ebs, of_ec2 in (
            ((DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY), "UnrecognizedClient", "AuthFailure"),
            ((own.access_key, DEFAULT_SECRET_KEY), "InvalidSignature", "SignatureDoesNotMatch"),
        ):
            with pytest.raises(ClientError, match=of_ebs):
                client("ebs", server.url, *keys).list_snapshot_blocks(SnapshotId=snapshot_id)
            with pytest.raises(ClientError, match=of_ec2):
                client("ec2", server.url, *keys).describe_snapshots()


async def test_every_rehearsal_has_a_key_of_its_own(tmp_path):
    keys = set()
    for _ in range(2):
        async with embedded_server(tmp_path / "embedded") as server:
            keys.add(server.credentials.secret_key)
    assert len(keys) == 2
    assert all(len(key) == 40 for key in keys)


async def test_a_second_rehearsal_with_the_same_folder_is_named_as_such(tmp_path):
    first = Store(tmp_path / "embedded")
    with (
        contextlib.closing(first),
        pytest.raises(LedgerError, match=r"already running.*--state-dir") as caught,
    ):
        async with embedded_server(tmp_path / "embedded"):
            pass
    assert caught.value.exit_code == 3


async def test_a_server_that_does_not_start_has_its_last_words(tmp_path):
    (tmp_path / "embedded").mkdir(mode=0o700)
    (tmp_path / "embedded" / "records").write_text("")
    with pytest.raises(TemporaryError, match=r"did not start \(.*File exists.*\); its log is"):
        async with embedded_server(tmp_path / "embedded"):
            pass


async def test_the_key_is_in_no_place_that_another_user_sees(tmp_path):
    before = children()
    async with embedded_server(tmp_path / "embedded") as server:
        (child,) = children() - before
        assert places_of(child, tmp_path, server.credentials.secret_key.encode()) == []
        assert open_to_others(tmp_path) == []


def children():
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def places_of(pid, folder, secret):
    paths = [Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ")]
    paths += [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in paths if secret in path.read_bytes()]


def open_to_others(folder):
    return [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
