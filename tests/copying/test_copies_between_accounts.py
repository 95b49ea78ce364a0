"""``copy`` from one account and Region to another: content, attributes, zeros, failures."""

import asyncio
import time

import pytest
from support.served import BLOCK

from bulkput import (
    ConfigError,
    ServiceError,
    SnapshotError,
    SourceError,
    TuningSettings,
    VolumeStarted,
    copy,
)
from bulkput.emulator.faults import FaultKind

ZEROS = bytes(BLOCK)
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


async def test_boto3_reads_from_the_copy_what_it_put_into_the_snapshot(accounts, options, blocks):
    here, there = accounts
    content = blocks(0, 1, 2, 3, 4, 7, 900, 2047)
    outcome = await copy(options(here.make(content), verify="full"))
    assert (outcome.status, outcome.verified) == ("completed", "full")
    assert there.read(outcome.snapshot_id) == content
    assert outcome.blocks["put"] == len(content)
    assert outcome.volume_size_gib == 1


async def test_description_tags_and_size_go_along_and_what_is_configured_wins(
    accounts, options, blocks
):
    here, there = accounts
    tags = [
        {"Key": "Name", "Value": "web"},
        {"Key": "Team", "Value": "a"},
        {"Key": "bulkput", "Value": "elsewhere"},
    ]
    snapshot_id = here.make(blocks(0), Description="of web", Tags=tags)
    plain = there.described((await copy(options(snapshot_id))).snapshot_id)
    assert plain["Description"] == "of web"
    found = {tag["Key"]: tag["Value"] for tag in plain["Tags"]}
    assert (found["Name"], found["Team"]) == ("web", "a")
    assert found["bulkput"] != "elsewhere"  # the mark of the copy's own ledger
    chosen = options(snapshot_id, description="mine", tags={"Team": "b"}, volume_size_gib=2)
    other = there.described((await copy(chosen)).snapshot_id)
    found = {tag["Key"]: tag["Value"] for tag in other["Tags"]}
    assert (other["Description"], other["VolumeSize"]) == ("mine", 2)
    assert (found["Name"], found["Team"]) == ("web", "b")


@pytest.mark.parametrize(
    ("source", "chosen", "is_encrypted", "put"),
    [
        ({}, {}, False, {0, 5}),
        # What an encrypted one lacks is noise, and may stay so; its zeros are zeros.
        ({"Encrypted": True}, {}, True, {0, 3, 5}),
        ({"Encrypted": True}, {"kms_key_arn": KEY}, True, {0, 3, 5}),
        ({"Encrypted": True}, {"encrypted": False}, False, {0, 5}),
    ],
)
async def test_what_reads_as_zeros_is_left_out_where_nobody_can_know(
    accounts, options, blocks, source, chosen, is_encrypted, put
):
    here, there = accounts
    content = blocks(0, 5) | {3: ZEROS}
    outcome = await copy(options(here.make(content, **source), verify="full", **chosen))
    described = there.described(outcome.snapshot_id)
    assert described["Encrypted"] is is_encrypted
    if "kms_key_arn" in chosen:
        assert described["KmsKeyId"] == KEY
    assert there.read(outcome.snapshot_id) == {index: content[index] for index in put}


async def test_what_an_unencrypted_snapshot_lacks_is_put_into_an_encrypted_copy(
    accounts, options, blocks
):
    here, there = accounts
    snapshot_id = here.make(blocks(0))
    # 2048 puts need not be waited for: the ninth ends it.
    there.served.fail("PutSnapshotBlock", FaultKind.ACCESS_DENIED, nth=9, times=None)
    heard = []
    with pytest.raises(ServiceError, match="not authorized"):
        await copy(options(snapshot_id, encrypted=True), on_event=heard.append)
    copied = there.store.get(heard[0].progress.snapshot_id)
    assert sum(copied.find(index) is not None for index in range(1, 2048)) >= 7


async def test_a_copy_that_was_cut_off_gets_and_puts_only_the_rest(accounts, options, blocks):
    here, there = accounts
    content = blocks(*range(40))
    snapshot_id = here.make(content)
    slow = TuningSettings(puts_per_s_snapshot=40.0, shutdown_grace="1s")
    started = []
    task = asyncio.create_task(copy(options(snapshot_id, tuning=slow), on_event=started.append))
    while not (started and started[0].progress.blocks_put >= 5):  # noqa: ASYNC110 - counters
        await asyncio.sleep(0.005)
    assert isinstance(started[0], VolumeStarted)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    put = started[0].progress.blocks_put
    served = here.served.emulator.account.stats
    before = served.count("GetSnapshotBlock")
    outcome = await copy(options(snapshot_id))
    assert outcome.snapshot_id == started[0].progress.snapshot_id
    assert outcome.blocks["resumed"] == put
    assert served.count("GetSnapshotBlock") - before == 40 - put
    assert there.read(outcome.snapshot_id) == content


async def test_a_copy_whose_list_hangs_ends_at_once_when_it_is_cancelled(accounts, options, blocks):
    here, there = accounts
    content = blocks(3)
    snapshot_id = here.make(content)
    here.served.fail("ListSnapshotBlocks", FaultKind.NEVER_ANSWER, times=None)
    patient = TuningSettings(shutdown_grace="60s")
    task = asyncio.create_task(copy(options(snapshot_id, tuning=patient)))
    while here.served.emulator.faults.unreached():  # noqa: ASYNC110 - counters
        await asyncio.sleep(0.005)
    task.cancel()
    async with asyncio.timeout(20):  # one attempt of the list has longer
        with pytest.raises(asyncio.CancelledError):
            await task
    here.served.emulator.faults.clear()
    outcome = await copy(options(snapshot_id))
    assert there.read(outcome.snapshot_id) == content


async def test_throttles_at_both_ends_slow_it_and_lose_nothing(accounts, options, blocks):
    here, there = accounts
    content = blocks(*range(24))
    snapshot_id = here.make(content)
    for account, operation in ((here, "GetSnapshotBlock"), (there, "PutSnapshotBlock")):
        for kind in (FaultKind.THROTTLE_ACCOUNT, FaultKind.THROTTLE_SNAPSHOT):
            account.served.fail(operation, kind, nth=3, times=2)
    outcome = await copy(options(snapshot_id))
    assert outcome.puts["throttled"] == 4
    assert there.read(outcome.snapshot_id) == content


async def test_damage_between_the_service_and_here_is_noticed_and_got_again(
    accounts, options, blocks
):
    here, there = accounts
    content = blocks(0, 1, 2)
    here.served.fail("GetSnapshotBlock", FaultKind.CORRUPT_BLOCK, block_index=1)
    there.served.fail("PutSnapshotBlock", FaultKind.WRONG_ECHO, block_index=2)
    outcome = await copy(options(here.make(content)))
    assert there.read(outcome.snapshot_id) == content


async def test_a_snapshot_that_is_deleted_midway_ends_the_copy_and_nothing_is_sealed(
    accounts, options, blocks
):
    here, there = accounts
    snapshot_id = here.make(blocks(*range(40)))
    record = here.store.get(snapshot_id).record
    object.__setattr__(record, "started_unix_s", time.time() - 3600)  # no grace for a new one
    slow = TuningSettings(gets_per_s_snapshot=30.0, shutdown_grace="1s")
    heard = []
    task = asyncio.create_task(copy(options(snapshot_id, tuning=slow), on_event=heard.append))
    while not (heard and heard[0].progress.blocks_put >= 3):  # noqa: ASYNC110 - counters
        await asyncio.sleep(0.005)
    here.ec2.delete_snapshot(SnapshotId=snapshot_id)
    here.served.fail("GetSnapshotBlock", FaultKind.NOT_FOUND, times=None)
    with pytest.raises(SourceError, match="was deleted while it was copied"):
        await task
    assert there.described(heard[0].progress.snapshot_id)["State"] == "pending"


async def test_what_cannot_be_copied_is_reported_at_once(accounts, options):
    here, _ = accounts
    with pytest.raises(ConfigError, match="expected a snapshot's id"):
        await copy(options("vol-1"))
    with pytest.raises(SnapshotError, match="EC2 does not know it in eu-west-1"):
        await copy(options("snap-00000000000000bad"))
    pending = here.ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    with pytest.raises(SnapshotError, match="only completed snapshots can be copied"):
        await copy(options(pending))


async def test_wrong_options_are_reported_by_their_own_names(accounts, options):
    with pytest.raises(ConfigError) as caught:
        await copy(
            options(
                "snap-00000000000000bad", description="x" * 300, encrypted=False, kms_key_arn=KEY
            )
        )
    assert {each.path for each in caught.value.problems} == {"description", "kms_key_arn"}
