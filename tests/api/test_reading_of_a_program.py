"""``verify`` and ``download`` as a Python program calls them."""

import asyncio

import pytest
from support.served import BLOCK

from bulkput import (
    ConfigError,
    DestinationError,
    DownloadOptions,
    SnapshotError,
    TuningSettings,
    VerifyOptions,
    VolumeStarted,
    download,
    upload,
    verify,
)


@pytest.fixture
def place(account, tmp_path):
    return {
        "region": "us-east-1",
        "endpoint_url": account.url,
        "state_dir": tmp_path / "state",
    }


async def test_a_snapshot_is_compared_with_its_manifest_and_with_its_source(options, image, place):
    path = image("compared.img")
    snapshot_id = (await upload(options(path))).snapshot_id
    assert (await verify(VerifyOptions(snapshot_id, **place))).error is None
    outcome = await verify(VerifyOptions(snapshot_id, source=path, **place))
    assert outcome.error is None
    assert outcome.block_count == 8


async def test_every_differing_range_is_reported_and_the_outcome_says_what_differs(
    options, image, place
):
    path = image("differs.img")
    snapshot_id = (await upload(options(path))).snapshot_id
    with path.open("r+b") as file:
        file.seek(3 * BLOCK)
        file.write(b"changed")
    found = []
    options_ = VerifyOptions(snapshot_id, source=path, **place)
    outcome = await verify(options_, on_difference=found.append)
    assert [(each.start, each.stop) for each in found] == [(3, 4)]
    assert "differs from" in str(outcome.error)


@pytest.mark.parametrize("sample", ["much", 0, "0MiB"])
async def test_a_sample_that_is_no_size_is_reported_by_its_name(sample, place):
    with pytest.raises(ConfigError, match="sample"):
        await verify(VerifyOptions("snap-0123456789abcdef0", source="x", sample=sample, **place))


async def test_a_download_is_the_source_again_and_replaces_nothing_unasked(
    options, image, place, tmp_path
):
    path = image("origin.img")
    snapshot_id = (await upload(options(path))).snapshot_id
    destination = tmp_path / "again.img"
    outcome = await download(DownloadOptions(snapshot_id, destination, **place))
    assert outcome.destination == destination
    assert destination.read_bytes() == path.read_bytes()
    with pytest.raises(DestinationError, match="exists"):
        await download(DownloadOptions(snapshot_id, destination, **place))


async def test_a_cancelled_download_is_gone_on_with(options, image, place, tmp_path):
    path = image("long.img", blocks=24)
    snapshot_id = (await upload(options(path))).snapshot_id
    slow = TuningSettings(gets_per_s_snapshot=30.0)
    destination = tmp_path / "long-again.img"
    heard = []
    task = asyncio.create_task(
        download(
            DownloadOptions(snapshot_id, destination, tuning=slow, **place), on_event=heard.append
        )
    )
    while not (heard and heard[0].progress.blocks_restored >= 4):  # noqa: ASYNC110 - counters
        await asyncio.sleep(0.005)
    assert isinstance(heard[0], VolumeStarted)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    outcome = await download(DownloadOptions(snapshot_id, destination, **place))
    assert outcome.counts.resumed >= 1
    assert destination.read_bytes() == path.read_bytes()


async def test_a_snapshot_that_is_not_there_raises(place, tmp_path):
    with pytest.raises(SnapshotError):
        await verify(VerifyOptions("snap-00000000000000bad", source=__file__, **place))
