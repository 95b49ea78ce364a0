"""Both ends in the embedded server: what a user tries first."""

import random

from support.served import BLOCK

from bulkput import CopyOptions, UploadOptions, VerifyOptions, copy, upload, verify


async def test_a_copy_within_the_embedded_server(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    image = tmp_path / "disk.img"
    image.write_bytes(random.Random(1).randbytes(3 * BLOCK))
    place = {"endpoint_url": "embedded", "state_dir": tmp_path / "state"}
    snapshot_id = (await upload(UploadOptions(image, **place))).snapshot_id
    outcome = await copy(CopyOptions(snapshot_id, to_region="us-west-2", **place))
    assert outcome.snapshot_id != snapshot_id
    chosen = VerifyOptions(outcome.snapshot_id, source=image, region="us-west-2", **place)
    assert (await verify(chosen)).error is None
