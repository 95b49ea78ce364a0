"""What a volume asks for of its snapshot is made once, whenever a run is killed or not answered."""

import pytest
from publish.fake_account import HOME, KEY, OWNER, Cloud, FakeAccount, Killed, run

from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError, SnapshotError, TemporaryError
from bulkput.publish.snapshot import publish_snapshot

FAR = "us-west-2"
EVERYTHING = {
    "source": "disk.img",
    "share": {"accounts": ["222233334444", "333344445555"]},
    "create_volume": {"availability_zone": f"{HOME}a", "iops": 4000, "tags": {"Use": "db"}},
    "fast_restore": [f"{HOME}a", f"{HOME}b"],
    "lock": {"mode": "governance", "duration_days": 30},
    "regions": [{"region": FAR, "kms_key_arn": KEY.format(FAR)}, {"region": "eu-west-1"}],
}


def publish(cloud, snapshot_id, wanted, *, lacks_zeros=False, **account):
    """Publish once and return what was reported, and the account."""
    done = {}

    async def work():
        made = FakeAccount(cloud, **account)
        settings = VolumeSettings.model_validate(wanted)
        await publish_snapshot(made, snapshot_id, settings, done, lacks_zeros=lacks_zeros)
        return made

    return done, run(work)


def require_one_of_each(cloud, snapshot_id):
    home = cloud.region(HOME)
    snapshot = home.snapshots[snapshot_id]
    assert snapshot["permissions"] == [{"UserId": "222233334444"}, {"UserId": "333344445555"}]
    assert snapshot["restores"] == {f"{HOME}a": "enabling", f"{HOME}b": "enabling"}
    assert snapshot["lock"]["LockDuration"] == 30
    (volume,) = home.volumes.values()
    assert volume["State"] == "available"
    assert volume["SnapshotId"] == snapshot_id
    for region in (FAR, "eu-west-1"):
        (copy,) = cloud.region(region).snapshots.values()
        assert copy["State"] == "completed"
    assert list(home.snapshots) == [snapshot_id]


@pytest.fixture
def cloud():
    return Cloud()


def test_every_step_is_done_and_reported(cloud):
    snapshot_id = cloud.snapshot(tags={"Name": "db", "bulkput": "mine", "aws:x": "y"})
    done, _ = publish(cloud, snapshot_id, EVERYTHING)
    require_one_of_each(cloud, snapshot_id)
    (volume,) = cloud.region(HOME).volumes
    (copy,) = cloud.region(FAR).snapshots.values()
    assert done == {
        "copies": {
            FAR: copy["SnapshotId"],
            "eu-west-1": next(iter(cloud.region("eu-west-1").snapshots)),
        },
        "shared_with": ["222233334444", "333344445555"],
        "locked": "governance",
        "fast_restore": {f"{HOME}a": "enabling", f"{HOME}b": "enabling"},
        "volume_id": volume,
    }
    tags = {tag["Key"]: tag["Value"] for tag in copy["Tags"]}
    assert tags == {"Name": "db", "bulkput:source": snapshot_id, "bulkput:key": KEY.format(FAR)}
    assert copy["KmsKeyId"] == KEY.format(FAR)


def test_a_second_run_changes_nothing(cloud):
    snapshot_id = cloud.snapshot()
    first, _ = publish(cloud, snapshot_id, EVERYTHING)
    cloud.log.clear()
    second, _ = publish(cloud, snapshot_id, EVERYTHING)
    assert first == second
    assert {
        operation for operation, _ in cloud.log if not operation.startswith(("Desc", "Get"))
    } == set()


def calls_of_a_whole_run():
    cloud = Cloud()
    return publish(cloud, cloud.snapshot(), EVERYTHING)[1].calls


@pytest.mark.parametrize("heard", [True, False], ids=["carried-out", "not-heard"])
def test_killed_at_any_call_the_next_run_finishes(heard):
    count = calls_of_a_whole_run()
    assert count > 20
    for number in range(1, count + 1):
        cloud = Cloud()
        snapshot_id = cloud.snapshot()
        with pytest.raises(Killed):
            publish(cloud, snapshot_id, EVERYTHING, kill_at=number, heard=heard)
        publish(cloud, snapshot_id, EVERYTHING)
        require_one_of_each(cloud, snapshot_id)


def test_killed_twice_at_calls_of_a_kind_it_is_still_one_of_each():
    for number in range(1, calls_of_a_whole_run() + 1, 3):
        cloud = Cloud()
        snapshot_id = cloud.snapshot()
        for later in (0, 4):
            try:
                publish(cloud, snapshot_id, EVERYTHING, kill_at=number + later)
            except Killed:
                continue
        publish(cloud, snapshot_id, EVERYTHING)
        require_one_of_each(cloud, snapshot_id)


@pytest.mark.parametrize("lag_s", [0.0, 4.0])
def test_an_answer_that_is_lost_makes_nothing_twice(lag_s):
    for number in range(1, calls_of_a_whole_run() + 1):
        cloud = Cloud(lag_s=lag_s)
        snapshot_id = cloud.snapshot()
        publish(cloud, snapshot_id, EVERYTHING, lose=[number])
        require_one_of_each(cloud, snapshot_id)


def test_a_copy_that_no_list_shows_yet_is_waited_for_by_a_rerun():
    for number in range(1, calls_of_a_whole_run() + 1):
        cloud = Cloud(lag_s=4.0)
        snapshot_id = cloud.snapshot()
        with pytest.raises(Killed):
            publish(cloud, snapshot_id, EVERYTHING, kill_at=number)
        publish(cloud, snapshot_id, EVERYTHING, settled_s=5.0)
        require_one_of_each(cloud, snapshot_id)


def test_a_snapshot_that_is_unknown_is_named_with_its_region(cloud):
    cloud.snapshot()
    with pytest.raises(SnapshotError, match=f"snap-1: EC2 does not know it in {HOME}"):
        publish(cloud, "snap-1", {"source": "a", "regions": [{"region": FAR}]})


def test_who_is_allowed_already_stays_and_nobody_is_added_twice(cloud):
    snapshot_id = cloud.snapshot()
    others = [{"UserId": "999988887777"}, {"UserId": "222233334444"}]
    cloud.region(HOME).snapshots[snapshot_id]["permissions"] = list(others)
    publish(cloud, snapshot_id, {"source": "a", "share": EVERYTHING["share"]})
    found = cloud.region(HOME).snapshots[snapshot_id]["permissions"]
    assert found == [*others, {"UserId": "333344445555"}]


def test_another_key_is_another_copy_and_a_failed_copy_is_made_again(cloud):
    snapshot_id = cloud.snapshot()
    publish(cloud, snapshot_id, {"source": "a", "regions": [{"region": FAR}]})
    with_key = {"region": FAR, "kms_key_arn": KEY.format(FAR)}
    publish(cloud, snapshot_id, {"source": "a", "regions": [with_key]})
    assert len(cloud.region(FAR).snapshots) == 2
    for copy in cloud.region(FAR).snapshots.values():
        copy["State"] = "error"
    failed = set(cloud.region(FAR).snapshots)
    done, account = publish(cloud, snapshot_id, {"source": "a", "regions": [with_key]})
    assert done["copies"][FAR] not in failed
    assert len(cloud.region(FAR).snapshots) == 2
    assert "had failed" in account.notes[0]


def test_a_copy_of_what_is_encrypted_is_encrypted(cloud):
    snapshot_id = cloud.snapshot(encrypted=True, key=KEY.format(HOME))
    publish(cloud, snapshot_id, {"source": "a", "regions": [{"region": FAR}]})
    (copy,) = cloud.region(FAR).snapshots.values()
    assert copy["Encrypted"]


def test_a_copy_that_is_not_ready_in_time_can_be_waited_for_again():
    cloud = Cloud(polls_until_ready=1000)
    snapshot_id = cloud.snapshot()
    regions = {"source": "a", "regions": [{"region": FAR}]}
    with pytest.raises(TemporaryError, match="is not completed after 1h"):
        publish(cloud, snapshot_id, regions)
    cloud.polls = 0
    for each in cloud.region(FAR).snapshots.values():
        each["polls"] = 0
    publish(cloud, snapshot_id, regions)
    assert len(cloud.region(FAR).snapshots) == 1


REFUSED = [
    ({"share": {"accounts": [OWNER]}}, {"encrypted": True, "key": "alias/aws/ebs"}, "aws/ebs"),
    ({"fast_restore": [f"{FAR}a"]}, {}, f"fast_restore: {FAR}a is not in {HOME}"),
    ({"create_volume": {"availability_zone": f"{FAR}a"}}, {}, f"zone: {FAR}a is not in {HOME}"),
    ({"share": {"public": True}}, {"encrypted": True, "key": KEY.format(HOME)}, "cannot be public"),
]


@pytest.mark.parametrize(("wanted", "snapshot", "words"), REFUSED)
def test_what_ec2_would_refuse_is_refused_before_anything_is_made(cloud, wanted, snapshot, words):
    snapshot_id = cloud.snapshot(**snapshot)
    with pytest.raises(ConfigError, match=words):
        publish(cloud, snapshot_id, {"source": "a", "regions": [{"region": FAR}], **wanted})
    assert not cloud.region(FAR).snapshots


@pytest.mark.parametrize("state", ["block-all-sharing", "block-new-sharing"])
def test_an_account_that_blocks_public_snapshots_is_named(cloud, state):
    cloud.region(HOME).blocks_public_snapshots = state
    snapshot_id = cloud.snapshot()
    with pytest.raises(ConfigError, match=f"blocks public snapshots in {HOME} .{state}"):
        publish(cloud, snapshot_id, {"source": "a", "share": {"public": True}})


@pytest.mark.parametrize(
    "wanted",
    [
        {"regions": [{"region": FAR, "kms_key_arn": KEY.format(FAR)}]},
        {"create_volume": {"availability_zone": f"{HOME}a", "kms_key_arn": KEY.format(HOME)}},
        {"regions": [{"region": "ap-south-1"}]},
    ],
)
def test_nothing_encrypted_is_made_of_what_lacks_blocks_of_zeros(cloud, wanted):
    cloud.region("ap-south-1").encrypts = True
    snapshot_id = cloud.snapshot()
    with pytest.raises(ConfigError, match="zeros: write"):
        publish(cloud, snapshot_id, {"source": "a", **wanted}, lacks_zeros=True)
    publish(cloud, snapshot_id, {"source": "a", **wanted}, lacks_zeros=False)
