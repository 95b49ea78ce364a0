"""A disk through each client that others wrote, and through ours, both ways."""

import pytest
from support.whole import same_content

pytestmark = [pytest.mark.clients, pytest.mark.timeout(3600)]


def wait_until_completed(server, snapshot_id):
    waiter = server.client("ec2").get_waiter("snapshot_completed")
    waiter.wait(SnapshotIds=[snapshot_id], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_what_a_client_uploads_is_what_we_download(client, server, program, image, tmp_path):
    snapshot_id = client.upload(image)
    wait_until_completed(server, snapshot_id)
    target = tmp_path / "back.img"
    done = program.run("download", snapshot_id, target)
    assert done.returncode == 0, done.stderr
    assert same_content(image, target, image.stat().st_size)
    assert program.run("verify", snapshot_id, "--source", image).returncode == 0


def test_what_we_upload_is_what_a_client_downloads(client, server, program, image, tmp_path):
    outcome = program.upload(image, "--zeros", "write")
    assert outcome["blocks"]["put"] >= client.blocks
    target = tmp_path / "back.img"
    client.download(outcome["snapshot_id"], target)
    assert same_content(image, target, image.stat().st_size)
