"""Fast snapshot restore: its states are reported, and waited for where that is wanted."""

import pytest
from publish.fake_account import HOME, Cloud
from publish.test_steps_of_a_snapshot import publish

from bulkput.model.errors import SnapshotError, TemporaryError

A, B = f"{HOME}a", f"{HOME}b"
STATES = {"enabling": "optimizing", "optimizing": "enabled"}
WANTED = {"source": "a", "fast_restore": [A, B]}
WAITED = {**WANTED, "fast_restore_wait": True}


@pytest.fixture
def cloud():
    cloud = Cloud()
    cloud.restores = STATES
    return cloud


def test_it_is_not_waited_for_and_the_note_says_how_it_is_seen(cloud):
    snapshot_id = cloud.snapshot()
    done, account = publish(cloud, snapshot_id, WANTED)
    assert done == {"fast_restore": {A: "enabling", B: "enabling"}}
    (note,) = account.notes
    assert f"not enabled yet in {A} (enabling), {B} (enabling)" in note
    command = "aws ec2 describe-fast-snapshot-restores"
    assert f"{command} --region {HOME} --filters Name=snapshot-id,Values={snapshot_id}" in note


def test_a_later_run_reports_the_state_of_then(cloud):
    snapshot_id = cloud.snapshot()
    seen = [publish(cloud, snapshot_id, WANTED) for _ in range(3)]
    states = [done["fast_restore"][A] for done, _ in seen]
    assert states == ["enabling", "optimizing", "enabled"]
    assert [len(account.notes) for _, account in seen] == [1, 1, 0]


def test_it_is_waited_for_before_a_volume_is_made(cloud):
    snapshot_id = cloud.snapshot()
    made = {"create_volume": {"availability_zone": A}}
    done, account = publish(cloud, snapshot_id, WAITED | made)
    assert done["fast_restore"] == {A: "enabled", B: "enabled"}
    assert account.notes == []
    calls = [operation for operation, _ in cloud.log]
    last_look = max(n for n, each in enumerate(calls) if each == "DescribeFastSnapshotRestores")
    assert last_look < calls.index("CreateVolume")


@pytest.mark.parametrize(("gib", "hours"), [(8, 1), (2048, 3)])
def test_the_limit_grows_with_the_disk_and_another_run_goes_on(gib, hours):
    cloud = Cloud()
    snapshot_id = cloud.snapshot(gib=gib)
    with pytest.raises(TemporaryError, match=rf"{A}, {B} is not enabled after {hours}h.*run the"):
        publish(cloud, snapshot_id, WAITED)
    cloud.restores = STATES
    done, _ = publish(cloud, snapshot_id, WAITED)
    assert done["fast_restore"][B] == "enabled"
    assert [operation for operation, _ in cloud.log].count("EnableFastSnapshotRestores") == 1


@pytest.mark.parametrize("ends_in", ["disabling", "disabled"])
def test_what_is_disabled_meanwhile_is_not_waited_for(cloud, ends_in):
    cloud.restores = {"enabling": ends_in}
    snapshot_id = cloud.snapshot()
    with pytest.raises(SnapshotError, match=f"is {ends_in} in {A}: run again to enable it"):
        publish(cloud, snapshot_id, WAITED)
