"""A run never answers with what the source was before it: it was read, or what it has vouches.

A run that ends between the seal and its delivered result leaves a snapshot. The next run brings it
to its end, and reports it as its own answer only if the source holds the same now.
"""

import bisect

import pytest
from simulation.contents import ZEROS
from simulation.disk import KINDS
from simulation.scripted import BLOCKS, Scripted
from simulation.test_what_once_went_wrong import damage_a_mark, snapshot_of

from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.manifest import manifest_path
from bulkput.model.zeros import ZeroPolicy

VOUCHING = [name for name, kind in KINDS.items() if kind.reports_changes]
READ_ONCE = ["stream", "compressed on a device"]
COMPARED = [name for name in KINDS if name not in VOUCHING and name not in READ_ONCE]
SEALED = [LedgerPhase.SEALING, LedgerPhase.COMPLETED]


def died(folder, phase, kind, **volume):
    """Return an upload whose first run died with everything put, and its snapshot."""

    def died_at(moment):
        own = folder / str(moment)
        own.mkdir()
        upload = Scripted(own, kind=kind, **volume)
        upload.go(dies_at=moment)
        return upload

    order = list(LedgerPhase)
    runs = {}

    def how_far(moment):
        runs[moment] = died_at(moment)
        return order.index(runs[moment]._header().phase)

    moment = bisect.bisect_left(range(400), order.index(phase), lo=60, key=how_far)
    upload = runs[moment]
    assert upload._header().phase is phase, "no run died there"
    (first,) = upload.service.snapshots.values()
    return upload, first


def reads_of(upload):
    return upload.machine.counts["read"]


def notes_of(upload):
    return " / ".join(upload.outcomes[-1].notes)


@pytest.mark.parametrize("phase", SEALED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_was_written_to_makes_a_new_snapshot_whatever_it_is(kind, phase, tmp_path):
    upload, first = died(tmp_path, phase, kind)
    before = dict(first.blocks)
    upload.disk.write(2, 30)
    upload.go_until_done()
    outcome = upload.outcomes[-1]
    assert snapshot_of(upload).blocks == before | {2: 30}
    assert (first.state, first.blocks) == ("completed", before), "the one before is kept"
    assert outcome.earlier_snapshots == (first.snapshot_id,)
    assert outcome.earlier_run is None
    assert f"{first.snapshot_id} was completed by an earlier run, begun 2026-" in notes_of(upload)
    upload.go_until_done()
    assert upload.outcomes[-1].earlier_snapshots == (), "it was reported"


@pytest.mark.parametrize("phase", SEALED)
@pytest.mark.parametrize("kind", COMPARED)
def test_a_source_that_reports_nothing_is_read_and_found_to_be_the_same(kind, phase, tmp_path):
    upload, first = died(tmp_path, phase, kind)
    upload.go_until_done()
    outcome = upload.outcomes[-1]
    assert (outcome.snapshot_id, outcome.status) == (first.snapshot_id, "completed")
    assert (upload.line.calls["put"], upload.line.calls["StartSnapshot"]) == (0, 0)
    assert reads_of(upload) > 0
    assert outcome.earlier_run.source_compared == "content"
    assert outcome.earlier_run.started_unix_s == pytest.approx(first.started_s, abs=5)
    assert "This run read /simulated/disk.img and compared it" in notes_of(upload)
    assert outcome.as_dict()["earlier_run"]["source_compared"] == "content"


@pytest.mark.parametrize("phase", SEALED)
@pytest.mark.parametrize("kind", VOUCHING)
def test_an_identity_that_vouches_for_the_content_is_enough(kind, phase, tmp_path):
    upload, first = died(tmp_path, phase, kind)
    upload.go_until_done()
    assert upload.outcomes[-1].snapshot_id == first.snapshot_id
    assert reads_of(upload) == 0
    assert upload.outcomes[-1].earlier_run.source_compared == "identity"


@pytest.mark.parametrize("kind", READ_ONCE)
def test_what_can_be_read_only_once_is_sent_again(kind, tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, kind)
    upload.go_until_done()
    assert snapshot_of(upload) is not first
    assert snapshot_of(upload).blocks == first.blocks
    assert upload.outcomes[-1].earlier_snapshots == (first.snapshot_id,)


def test_a_file_whose_times_alone_changed_is_read_and_not_sent_again(tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, "file")
    upload.disk.touch()
    upload.go_until_done()
    assert snapshot_of(upload) is first
    assert upload.outcomes[-1].earlier_run.source_compared == "content"


@pytest.mark.parametrize(("resume", "reads"), [("trust", False), ("verify", True)])
@pytest.mark.parametrize("kind", ["file", "device"])
def test_resume_decides_whether_it_is_read(kind, resume, reads, tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, kind, resume=resume)
    upload.go_until_done()
    assert snapshot_of(upload) is first
    assert bool(reads_of(upload)) is reads


def test_a_pipe_is_another_one_each_time_whatever_resume_says(tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, "stream", resume="trust")
    upload.disk.write(2, 30)
    upload.go_until_done()
    assert snapshot_of(upload).blocks == first.blocks | {2: 30}


def test_a_pipe_is_read_in_a_resumed_upload_whatever_resume_says(tmp_path):
    upload = Scripted(tmp_path, kind="stream", resume="trust")
    upload.go(dies_at=70)
    (index, *_) = upload._settled_before()
    upload.disk.write(index, 30)
    upload.go_until_done()
    assert snapshot_of(upload).blocks[index] == 30


def test_the_comparison_ends_at_the_first_difference(tmp_path):
    upload, _ = died(tmp_path, LedgerPhase.COMPLETED, "device")
    upload.disk.write(0, 30)
    compared = []
    start = upload._open_source

    def open_source():
        source = start()
        read, reads = source.read_window, []
        source.read_window = lambda *window: (reads.append(window), read(*window))[1]
        compared.append(reads)
        return source

    upload._open_source = open_source
    upload.go_until_done()
    (reads,) = compared
    whole = {(start, 2) for start in range(0, len(BLOCKS), 2)}
    assert len(reads) <= len(whole) + 3, "a few windows, then the upload's own"


@pytest.mark.parametrize("harm", ["no manifest", "damaged manifest", "damaged mark"])
def test_what_the_snapshot_holds_is_known_without_its_manifest_too(harm, tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, "device")
    path = manifest_path(upload.machine.folder, first.snapshot_id)
    if harm == "damaged mark":
        damage_a_mark(upload)
    elif harm == "no manifest":
        path.unlink()
    else:
        path.write_bytes(b"damaged")
    upload.go_until_done()
    assert snapshot_of(upload) is first


@pytest.mark.parametrize("where", ["nothing more", "more zeros"])
def test_zeros_that_are_wanted_now_make_a_new_snapshot(where, tmp_path):
    upload, first = died(tmp_path, LedgerPhase.COMPLETED, "file")
    policy = ZeroPolicy.WRITE if where == "more zeros" else ZeroPolicy.SKIP
    upload.volume = upload.volume.model_copy(update={"zeros": policy})
    upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
    upload.go_until_done()
    assert (snapshot_of(upload) is first) == (where == "nothing more")
    if where == "more zeros":
        assert snapshot_of(upload).blocks == {i: block or ZEROS for i, block in enumerate(BLOCKS)}


@pytest.mark.parametrize("kind", ["file", "device", "stream"])
def test_a_run_that_does_not_wait_compares_too(kind, tmp_path):
    upload = Scripted(tmp_path, kind=kind)
    snapshot = upload.volume.snapshot.model_copy(update={"wait": False})
    upload.volume = upload.volume.model_copy(update={"snapshot": snapshot})
    upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
    assert upload.go(delivers=False) == 0
    (first,) = upload.service.snapshots.values()
    if kind != "stream":
        assert upload.go(delivers=False) == 0
        assert upload.outcomes[-1].snapshot_id == first.snapshot_id
        assert upload.outcomes[-1].status == "pending"
    upload.disk.write(2, 30)
    upload.go_until_done()
    assert snapshot_of(upload).blocks[2] == 30
    assert upload.outcomes[-1].earlier_snapshots == (first.snapshot_id,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_nobody_got_is_reported_by_a_later_run(kind, tmp_path):
    upload = Scripted(tmp_path, kind=kind)
    sealed = []
    for number in (30, 31, 32):
        assert upload.go(delivers=False) == 0
        sealed.append(upload.outcomes[-1].snapshot_id)
        upload.disk.write(1, number)
    upload.go_until_done()
    assert snapshot_of(upload).blocks[1] == 32
    assert list(upload.outcomes[-1].earlier_snapshots) == sealed


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_reported_however_often_the_run_after_dies(kind, tmp_path):
    deaths = 0
    for moment in range(5, 150, 24):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = Scripted(folder, kind=kind)
        assert upload.go(delivers=False) == 0
        first = upload.outcomes[-1].snapshot_id
        upload.disk.write(3, 30)
        for _ in range(2):
            deaths += upload.go(dies_at=moment) is None
            upload.disk.write(4, 31)
        upload.go_until_done()
        blocks = snapshot_of(upload).blocks
        assert (blocks[3], blocks[4]) == (30, 31)
        delivered = [outcome for outcome in upload.outcomes[1:] if outcome is not None]
        assert first in {each for outcome in delivered for each in outcome.earlier_snapshots}
    assert deaths > 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_may_change_between_any_two_steps(kind, tmp_path):
    """Die at any step after the last put, be written to at any step of the run after."""
    for moment in range(70, 150, 23):
        for step in range(1, 40, 13):
            folder = tmp_path / f"{moment}-{step}"
            folder.mkdir()
            upload = Scripted(folder, kind=kind, allow_changing_source=True)
            upload.go(dies_at=moment)
            upload.disk.write(2, 30)
            upload.run_number += 1
            upload._calm()
            upload.events[step] = lambda upload=upload: upload.disk.write(1, 31)
            upload._go()
            upload.go_until_done()
            blocks = snapshot_of(upload).blocks
            assert (blocks[1], blocks[2]) == (31, 30)


def test_a_token_of_the_user_is_numbered_for_the_new_snapshot(tmp_path):
    upload = Scripted(tmp_path, kind="device")
    given = upload.volume.snapshot.model_copy(update={"client_token": "given"})
    upload.volume = upload.volume.model_copy(update={"snapshot": given})
    upload.settings = upload.settings.model_copy(update={"volumes": (upload.volume,)})
    assert upload.go(delivers=False) == 0
    upload.disk.write(2, 30)
    upload.go_until_done()
    assert [each.request.client_token for each in upload.service.snapshots.values()] == [
        "given",
        "given-2",
    ]


@pytest.mark.parametrize("kind", ["device", "file on tmpfs"])
def test_an_upload_that_was_not_sealed_is_read_again_where_nothing_is_reported(kind, tmp_path):
    upload = Scripted(tmp_path, kind=kind)
    upload.go(dies_at=70)
    assert upload._header().phase is LedgerPhase.UPLOADING
    (index, *_) = upload._settled_before()
    upload.disk.write(index, 30)
    upload.go_until_done()
    assert snapshot_of(upload).blocks[index] == 30
