"""A copy of a snapshot whose elder was copied before: only what changed is got and put."""

import asyncio
import time
from dataclasses import replace

import pytest
from support.s3_server import BUCKET, s3_server
from support.served import BLOCK

from bulkput import Progress, ServiceError, TuningSettings, VolumeStarted, copy
from bulkput.emulator.faults import FaultKind

ZEROS = bytes(BLOCK)


@pytest.fixture
def generations(accounts, blocks):
    """Make two snapshots of one lineage here; returns both with what they read as."""
    here, _ = accounts

    def make(**attributes):
        first = blocks(0, 1, 2, 3, 4, 5, 40, 41)
        elder = here.make(first, **attributes)
        record = here.store.get(elder).record
        object.__setattr__(record, "started_unix_s", time.time() - 3600)
        changes = blocks(1, 4, 60, seed=1) | {5: ZEROS}
        younger = here.make(changes, ParentSnapshotId=elder)
        return (elder, first), (younger, {**first, **changes})

    return make


def gets_of(account):
    return account.served.emulator.account.stats.count("GetSnapshotBlock", 200)


def own_blocks(account, snapshot_id):
    """Return which blocks were put into this very snapshot."""
    layer = account.store.get(snapshot_id).layers[0]
    return {index for index in range(2048) if layer.has(index)}


@pytest.mark.parametrize("encryption", [{}, {"Encrypted": True}], ids=["plain", "encrypted"])
async def test_the_elders_copy_is_the_parent_and_only_changes_travel(
    accounts, options, generations, encryption
):
    here, there = accounts
    (elder, first), (younger, second) = generations(**encryption)
    parent = await copy(options(elder))
    before = gets_of(here)
    child = await copy(options(younger, verify="full"))
    assert child.parent_snapshot_id == parent.snapshot_id
    assert gets_of(here) - before == 4
    assert own_blocks(there, child.snapshot_id) == {1, 4, 5, 60}
    assert child.blocks["unchanged"] == 5
    assert there.read(child.snapshot_id) == second
    assert there.read(parent.snapshot_id) == first


async def test_a_child_is_as_large_as_its_parent_was_made(accounts, options, generations):
    _, there = accounts
    (elder, _), (younger, second) = generations()
    await copy(options(elder, volume_size_gib=2))
    child = await copy(options(younger))
    assert there.described(child.snapshot_id)["VolumeSize"] == 2
    assert there.read(child.snapshot_id) == second
    assert own_blocks(there, child.snapshot_id) == {1, 4, 5, 60}


async def test_a_full_copy_is_had_for_the_asking(accounts, options, generations):
    _, there = accounts
    (elder, _), (younger, second) = generations()
    await copy(options(elder))
    child = await copy(options(younger, full=True))
    assert child.parent_snapshot_id is None
    read = there.read(child.snapshot_id)
    assert read == {index: block for index, block in second.items() if block != ZEROS}


async def test_a_copy_that_is_not_related_is_no_parent(accounts, options, blocks):
    here, there = accounts
    await copy(options(here.make(blocks(0, 1))))
    content = blocks(0, 1, seed=2)
    other = await copy(options(here.make(content)))
    assert other.parent_snapshot_id is None
    assert there.read(other.snapshot_id) == content


@pytest.mark.parametrize("gone", ["elder", "copy", "manifest"])
async def test_what_is_gone_at_either_end_is_no_parent(
    accounts, options, generations, gone, tmp_path
):
    here, there = accounts
    (elder, _), (younger, second) = generations()
    parent = await copy(options(elder))
    if gone == "elder":
        here.ec2.delete_snapshot(SnapshotId=elder)
    elif gone == "copy":
        there.ec2.delete_snapshot(SnapshotId=parent.snapshot_id)
    else:
        (tmp_path / "state" / "manifests" / f"{parent.snapshot_id}.manifest").unlink()
    child = await copy(options(younger))
    assert child.parent_snapshot_id is None
    read = there.read(child.snapshot_id)
    assert read == {index: block for index, block in second.items() if block != ZEROS}


async def test_a_copy_to_be_encrypted_otherwise_is_a_full_one(accounts, options, generations):
    (elder, _), (younger, _) = generations(Encrypted=True)
    await copy(options(elder))
    child = await copy(options(younger, encrypted=False))
    assert child.parent_snapshot_id is None


async def test_an_increment_that_was_cut_off_goes_on_with_the_same_parent(
    accounts, options, generations
):
    _, there = accounts
    (elder, _), (younger, second) = generations()
    parent = await copy(options(elder))
    slow = TuningSettings(gets_per_s_snapshot=4.0, shutdown_grace="1s")
    heard = []
    task = asyncio.create_task(copy(options(younger, tuning=slow), on_event=heard.append))
    started = [VolumeStarted(Progress(""), "")]
    while not started[-1].progress.blocks_put:
        await asyncio.sleep(0.005)
        started += [each for each in heard if isinstance(each, VolumeStarted)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    child = await copy(options(younger))
    assert child.parent_snapshot_id == parent.snapshot_id
    assert child.blocks["resumed"] >= 1
    assert there.read(child.snapshot_id) == second
    assert own_blocks(there, child.snapshot_id) == {1, 4, 5, 60}


async def test_a_damaged_record_costs_a_full_copy_and_no_more(
    accounts, options, generations, tmp_path
):
    _, there = accounts
    (elder, _), (younger, second) = generations()
    await copy(options(elder))
    for path in (tmp_path / "state" / "copies").iterdir():
        path.write_text("{}")
    child = await copy(options(younger))
    assert child.parent_snapshot_id is None
    assert set(there.read(child.snapshot_id)) == {at for at in second if at != 5}


async def test_an_end_that_refuses_the_comparison_for_lack_of_rights_says_so(
    accounts, options, generations
):
    here, _ = accounts
    (elder, _), (younger, _) = generations()
    await copy(options(elder))
    here.served.fail("ListChangedBlocks", FaultKind.ACCESS_DENIED)
    with pytest.raises(ServiceError, match="ListChangedBlocks"):
        await copy(options(younger))


async def test_the_elders_copy_was_made_on_another_host(
    accounts, options, generations, tmp_path, monkeypatch
):
    _, there = accounts
    (elder, _), (younger, second) = generations()
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with s3_server() as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        store = {"state_store": f"s3://{BUCKET}/copies"}
        parent = await copy(options(elder, **store))
        child = await copy(replace(options(younger, **store), state_dir=tmp_path / "2"))
    assert child.parent_snapshot_id == parent.snapshot_id
    assert own_blocks(there, child.snapshot_id) == {1, 4, 5, 60}
    assert there.read(child.snapshot_id) == second
