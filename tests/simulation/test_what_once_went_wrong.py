"""Histories that the seeds found, each cut down to what it takes."""

import pytest
from simulation.scripted import Scripted
from simulation.service import Snapshot
from simulation.weather import ATTEMPT_DEADLINE_S, Fault

from bulkput.ebs.snapshot import StartRequest
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.record import RECORD_SIZE_BYTES
from bulkput.ledger.table_header import HEAD_SIZE_BYTES
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy


def snapshot_of(upload):
    return upload.service.snapshots[upload.outcomes[-1].snapshot_id]


def died_while_sealing(tmp_path, *, crashes=False, **volume):
    """Return an upload whose first run died as soon as its ledger said that it is sealing."""
    for moment in range(1, 400):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = Scripted(folder, **volume)
        upload.go(dies_at=moment, crashes=crashes)
        header = upload._header()
        if header is not None and header.phase is LedgerPhase.SEALING:
            return upload
    raise AssertionError("no run died while sealing")


@pytest.mark.parametrize("interruptions", [1, 3])
def test_a_changed_source_is_compared_however_often_that_is_interrupted(interruptions, tmp_path):
    interrupted = 0
    for moment in range(10, 60):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = Scripted(folder)
        upload.go(dies_at=60)
        assert upload._header().phase is LedgerPhase.UPLOADING
        assert upload._settled_before()
        held = [index for index, number in enumerate(upload.disk.blocks) if number is not None]
        for index in held:
            upload.disk.write(index, 30)
        for _ in range(interruptions):
            interrupted += upload.go(dies_at=moment) is None
        upload.go_until_done()
        assert snapshot_of(upload).blocks == dict.fromkeys(held, 30)
    assert interrupted > 30


def test_a_source_that_is_rolled_back_while_it_is_compared_is_compared_again(tmp_path):
    upload = Scripted(tmp_path)
    upload.go(dies_at=60)
    settled = sorted(upload._settled_before())
    assert settled
    upload.disk.save()
    for index in settled:
        upload.disk.write(index, 30)
    for moment in range(40, 70):
        upload.go(dies_at=moment)
    assert 30 in upload.service.snapshots[upload._header().snapshot_id].blocks.values()
    upload.disk.roll_back()
    upload.go_until_done()
    assert 30 not in snapshot_of(upload).blocks.values()


@pytest.mark.parametrize("crashes", [False, True], ids=["kill -9", "power cut"])
def test_a_seal_outlives_the_death_of_its_run(crashes, tmp_path):
    upload = died_while_sealing(tmp_path, crashes=crashes, resume="verify")
    upload.go_until_done()
    assert len(upload.service.snapshots) == 1


def died_before_it_reported(tmp_path, **volume):
    """Return an upload whose first run died as soon as its ledger said that it is completed."""
    for moment in range(1, 400):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = Scripted(folder, **volume)
        upload.go(dies_at=moment)
        header = upload._header()
        if header is not None and header.phase is LedgerPhase.COMPLETED:
            assert not header.delivered
            return upload
    raise AssertionError("no run died before it told")


def test_a_completed_snapshot_that_was_not_reported_is_reported_by_the_next_run_and_once(tmp_path):
    upload = died_before_it_reported(tmp_path)
    upload.go_until_done()
    assert (upload.line.calls["put"], upload.line.calls["CompleteSnapshot"]) == (0, 0)
    (first,) = upload.service.snapshots
    assert (upload.outcomes[-1].snapshot_id, upload.outcomes[-1].status) == (first, "completed")
    assert upload.outcomes[-1].checksum == upload.service.snapshots[first].linear[1]
    assert f"{first} is of an earlier run, begun" in " ".join(upload.outcomes[-1].notes)
    upload.go_until_done()
    assert upload.outcomes[-1].snapshot_id != first


def test_a_snapshot_that_was_not_reported_is_verified_and_not_sent_again(tmp_path):
    upload = died_before_it_reported(tmp_path, verify="full")
    for _ in range(2):  # and again as long as it could not be read back
        unreadable = {("GetSnapshotBlock", 1): Fault(FailureClass.ACCESS_DENIED)}
        assert upload.go(weather=unreadable) == 4
    upload.go_until_done()
    assert upload.outcomes[-1].verified == "full"
    assert len(upload.service.snapshots) == 1


def test_a_snapshot_that_differs_from_its_source_is_not_reported_again(tmp_path):
    upload = died_before_it_reported(tmp_path, verify="full")
    (first,) = upload.service.snapshots.values()
    content, first.blocks[2] = first.blocks[2], 30
    assert upload.go() == 7
    first.blocks[2] = content  # a model's snapshot is held against its source to the end
    upload.go_until_done()
    assert snapshot_of(upload) is not first


def test_a_source_that_changed_is_sent_anew_and_the_snapshot_before_is_reported(tmp_path):
    upload = died_before_it_reported(tmp_path)
    (first,) = upload.service.snapshots
    upload.disk.write(0, 30)
    upload.go_until_done()
    assert f"{first} was completed" in " ".join(upload.outcomes[-1].notes)
    assert upload.outcomes[-1].snapshot_id != first
    assert snapshot_of(upload).blocks[0] == 30


def test_a_snapshot_that_was_deleted_before_it_was_reported_is_made_anew(tmp_path):
    upload = died_before_it_reported(tmp_path)
    (first,) = upload.service.snapshots
    upload.service.delete(first)
    upload.go_until_done()
    assert f"{first} does not exist any more" in " ".join(upload.outcomes[-1].notes)


def test_marks_that_are_damaged_after_the_end_take_nothing_but_the_checksum(tmp_path):
    upload = died_before_it_reported(tmp_path)
    damage_a_mark(upload)
    upload.go_until_done()
    assert len(upload.service.snapshots) == 1
    assert upload.outcomes[-1].checksum is None


def test_a_run_that_does_not_wait_begins_anew_once_it_has_reported_its_snapshot(tmp_path):
    upload = Scripted(tmp_path)
    patience = upload.volume.snapshot.model_copy(update={"wait": False})
    impatient = upload.volume.model_copy(update={"snapshot": patience})
    waiting, upload.volume = upload.volume, impatient
    for expected in (1, 2):
        upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
        upload.go_until_done()
        assert upload.outcomes[-1].status == "pending"
        assert len(upload.service.snapshots) == expected
    upload.volume = waiting  # only the end of the last one is left to be reported
    upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
    upload.go_until_done()
    assert upload.outcomes[-1].status == "completed"
    assert len(upload.service.snapshots) == 2


def damage_a_mark(upload):
    table = upload._folder() / "ledger.bin"
    content = bytearray(table.read_bytes())
    content[HEAD_SIZE_BYTES + 2 * RECORD_SIZE_BYTES] ^= 1
    table.write_bytes(content)


def test_a_mark_that_is_damaged_during_the_seal_is_put_by_the_run_after(tmp_path):
    upload = Scripted(tmp_path)
    upload.go(weather={("CompleteSnapshot", 1): Fault(FailureClass.ACCESS_DENIED)})
    assert upload._header().phase is LedgerPhase.SEALING
    damage_a_mark(upload)
    assert upload.go() == 7
    assert "Run the same command again" in upload.outcomes[-1].error
    upload.go_until_done()
    assert upload.line.calls["put"] == 1
    assert len(upload.service.snapshots) == 1


def test_keys_that_cannot_be_renewed_for_minutes_are_waited_for(tmp_path):
    upload = Scripted(tmp_path)

    def expire(weather):
        weather.keys_expire_s, weather.keys_come_back_s = 0.0, 300.0

    assert upload.go(change=expire) == 0
    assert upload.outcomes[-1].elapsed_s > 300


def test_a_stop_while_a_failed_run_waits_for_its_puts_leaves_none_behind(tmp_path):
    for stop_at_s in (1.0, 5.0):
        folder = tmp_path / str(stop_at_s)
        folder.mkdir()
        upload = Scripted(folder)
        weather = {
            ("put", number): Fault(FailureClass.TRANSIENT, after_s=ATTEMPT_DEADLINE_S)
            for number in (1, 2, 3)
        }
        weather["put", 4] = Fault(FailureClass.INVALID)
        assert upload.go(weather=weather, stops_after_s=stop_at_s) is None
        upload.go_until_done()


def test_a_snapshot_that_ec2_does_not_know_yet_is_waited_for(tmp_path):
    upload = Scripted(tmp_path)

    def slow(weather):
        weather.is_slow_to_show = True
        weather.visible_after_s = lambda _: 0.0
        weather.described_after_s = lambda _: 90.0

    assert upload.go(change=slow) == 0
    assert len(upload.service.snapshots) == 1


@pytest.mark.parametrize("moment", [14, 16, 18, 30, 60, 100])
def test_a_run_that_died_soon_is_resumed_before_ec2_knows_the_snapshot(moment, tmp_path):
    upload = Scripted(tmp_path)

    def slow(weather):
        weather.is_slow_to_show = True
        weather.visible_after_s = lambda _: 0.0
        weather.described_after_s = lambda _: 90.0

    if upload.go(dies_at=moment, change=slow) == 0:
        pytest.fail("it was over before")
    upload.unix_s -= 50.0
    assert upload.go(change=slow) == 0
    assert len(upload.service.snapshots) == 1


def test_a_young_snapshot_that_is_gone_is_replaced_within_two_minutes(tmp_path):
    upload = Scripted(tmp_path)
    upload.go(dies_at=60)
    (gone,) = upload.service.snapshots
    upload.service.delete(gone)
    upload.unix_s -= 50.0
    assert upload.go() == 0
    assert 100 < upload.outcomes[-1].elapsed_s < 170
    assert f"{gone} does not exist any more: starting a new snapshot" in upload.outcomes[-1].notes


def test_a_run_that_died_at_once_is_resumed_before_puts_find_the_snapshot(tmp_path):
    upload = Scripted(tmp_path)

    def slow(weather):
        weather.visible_after_s = lambda _: 90.0

    upload.go(dies_at=20, change=slow)
    assert len(upload.service.snapshots) == 1
    upload.go_until_done()
    assert len(upload.service.snapshots) == 1


def test_a_token_with_a_past_puts_every_block_in_every_run(tmp_path):
    upload = Scripted(tmp_path)
    given = upload.volume.snapshot.model_copy(update={"client_token": "given"})
    upload.volume = upload.volume.model_copy(update={"snapshot": given})
    upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
    upload.service.settle(upload.unix_s - 1000)
    request = StartRequest(volume_size_gib=1, client_token="given", timeout_min=4320)
    started = upload.service.start(request)
    snapshot = upload.service.snapshots[started.snapshot_id]
    assert isinstance(snapshot, Snapshot)
    snapshot.started_s -= 1000
    snapshot.blocks[3] = 30  # of an unknown run; zeros in this source
    upload.go(dies_at=60)
    assert upload._header().zero_policy is ZeroPolicy.WRITE
    upload.go_until_done()
    assert len(snapshot.blocks) == len(upload.disk.blocks)


def test_starts_that_are_always_in_conflict_end_with_a_reason(tmp_path):
    upload = Scripted(tmp_path)
    weather = {("StartSnapshot", number): Fault(FailureClass.CONFLICT) for number in range(1, 50)}
    assert upload.go(weather=weather) == 3
    assert upload.line.calls["StartSnapshot"] == 5
    upload.go_until_done()
