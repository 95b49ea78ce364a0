"""Blocks are left out of a snapshot only where EC2 reports as well that it is not encrypted."""

import pytest
from simulation.contents import ZEROS
from simulation.scripted import BLOCKS, Scripted
from simulation.service import ModelService
from simulation.test_what_once_went_wrong import snapshot_of
from simulation.weather import Fault

from bulkput.ledger.header import LedgerPhase
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

WHOLE = {index: block or ZEROS for index, block in enumerate(BLOCKS)}
SPARSE = {index: block for index, block in WHOLE.items() if block != ZEROS}
DENIED = {("DescribeSnapshots", number): Fault(FailureClass.ACCESS_DENIED) for number in (1, 2)}


class OfAnAccount(Scripted):
    """Uploads in an account that encrypts by default, which StartSnapshot does not show."""

    def __init__(self, folder, *, encrypts=True, waits=True, encrypted=None, **volume):
        super().__init__(folder, **volume)
        self.service = ModelService(self.weather, encrypts=encrypts, shows_encryption=False)
        update = {"wait": waits, "encrypted": encrypted}
        snapshot = self.volume.snapshot.model_copy(update=update)
        self.volume = self.volume.model_copy(update={"snapshot": snapshot})
        self.settings = self.settings.model_copy(update={"volumes": (self.volume,)})


def notes_of(upload):
    return " / ".join(upload.outcomes[-1].notes)


@pytest.mark.parametrize("waits", [True, False])
def test_what_ec2_says_wins(waits, tmp_path):
    upload = OfAnAccount(tmp_path, waits=waits)
    upload.go_until_done()
    assert snapshot_of(upload).blocks == WHOLE
    assert "is encrypted, as EC2 says, although StartSnapshot did not show it" in notes_of(upload)
    assert upload._header().encrypted


def test_an_account_that_does_not_encrypt_is_asked_once_and_zeros_are_left_out(tmp_path):
    upload = OfAnAccount(tmp_path, encrypts=False, waits=False)
    upload.go_until_done()
    assert upload.line.calls["DescribeSnapshots"] == 1
    assert snapshot_of(upload).blocks == SPARSE


def test_where_every_block_is_put_nobody_is_asked(tmp_path):
    upload = OfAnAccount(tmp_path, waits=False, zeros=ZeroPolicy.WRITE)
    upload.go_until_done()
    assert upload.line.calls["DescribeSnapshots"] == 0


@pytest.mark.parametrize("policy", [ZeroPolicy.SKIP, ZeroPolicy.SKIP_HOLES])
def test_zeros_that_are_to_be_skipped_are_refused_and_nothing_is_left_behind(policy, tmp_path):
    upload = OfAnAccount(tmp_path, zeros=policy)
    assert upload.go() == 3
    assert "it is encrypted" in upload.outcomes[-1].error
    assert not upload.service.snapshots


def test_a_missing_permission_ends_the_run_before_the_first_put(tmp_path):
    upload = OfAnAccount(tmp_path)
    assert upload.go(weather=DENIED) == 4
    assert upload.line.calls["put"] == 0


def test_without_the_permission_and_the_wait_zeros_are_put_too(tmp_path):
    upload = OfAnAccount(tmp_path, waits=False)
    assert upload.go(weather=DENIED) == 0
    assert snapshot_of(upload).blocks == WHOLE
    assert "EC2 gave no answer whether" in notes_of(upload)


@pytest.mark.parametrize(
    "chosen",
    [{"zeros": ZeroPolicy.SKIP}, {"encrypted": False}],
    ids=["zeros: skip", "not encrypted"],
)
def test_without_the_permission_the_users_word_counts(chosen, tmp_path):
    upload = OfAnAccount(tmp_path, encrypts=False, waits=False, **chosen)
    assert upload.go(weather=DENIED) == 0
    assert snapshot_of(upload).blocks == SPARSE
    assert "as configured" in notes_of(upload)


def test_every_death_of_an_encrypted_upload_ends_in_all_blocks(tmp_path):
    deaths = 0
    for moment in range(1, 110, 3):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = OfAnAccount(folder)
        deaths += upload.go(dies_at=moment) is None
        upload.go_until_done()
        assert snapshot_of(upload).blocks == WHOLE
    assert deaths > 20


def begun_as_if_not_encrypted(folder, **death):
    """Return an upload that an earlier program began, which believed StartSnapshot's answer."""
    upload = OfAnAccount(folder, encrypts=False)
    assert upload.go(**death) is None
    for snapshot in upload.service.snapshots.values():
        snapshot.encrypted = True
    return upload


def test_an_upload_that_was_begun_in_the_wrong_belief_puts_what_it_left_out(tmp_path):
    upload = begun_as_if_not_encrypted(tmp_path, dies_at=70)
    assert upload._header().phase is LedgerPhase.UPLOADING
    upload.go_until_done()
    assert len(upload.service.snapshots) == 1
    assert snapshot_of(upload).blocks == WHOLE


def test_a_snapshot_that_was_sealed_in_the_wrong_belief_is_no_answer(tmp_path):
    for moment in range(60, 400):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = OfAnAccount(folder, encrypts=False)
        upload.go(dies_at=moment)
        if upload._header().phase in {LedgerPhase.SEALING, LedgerPhase.COMPLETED}:
            break
    (first,) = upload.service.snapshots.values()
    first.encrypted = upload.service.encrypts = True
    upload.sealed[first.snapshot_id] = ([{block} for block in BLOCKS], ZeroPolicy.SKIP)
    upload.go_until_done()
    assert snapshot_of(upload) is not first
    assert snapshot_of(upload).blocks == WHOLE
    assert "do not use it" in notes_of(upload)


def test_encryption_that_shows_only_at_the_end_is_no_success(tmp_path):
    upload = OfAnAccount(tmp_path, encrypts=False)

    def completes():
        for snapshot in upload.service.snapshots.values():
            snapshot.encrypted = snapshot.encrypted or snapshot.sealed is not None

    settle = upload.service.settle
    upload._compare = lambda _: None  # a model's snapshot is held against its source to the end
    upload.service.settle = lambda now_s: (settle(now_s), completes())
    assert upload.go() == 7
    assert "they read as noise" in upload.outcomes[-1].error
    assert upload._header().phase is LedgerPhase.FAILED
