"""``jobs``, ``abort`` and ``gc`` against a real server, after uploads that were cut short."""

import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from support.program import ForkedProgram
from support.served import BLOCK, Served

from bulkput.ebs import ec2_form
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.upload import lease
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.lock import FolderLock

SECRET = "emulator/secret/key"


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def service(tmp_path, state_dir, monkeypatch):
    served = Served(tmp_path / "served")
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    yield served
    served.stop()


@pytest.fixture
def image(tmp_path):
    def make(name="web.img", block_count=4):
        path = tmp_path / name
        path.write_bytes(os.urandom(block_count * BLOCK))
        return path

    return make


@pytest.fixture
def cut_short(bulkput, service, image):
    """Upload until a put is refused for good; return the snapshot, which is then pending."""

    def upload(name="web.img", *flags):
        service.fail("PutSnapshotBlock", nth=2)
        before = set(service.states())
        ended = bulkput("upload", image(name), *flags)
        assert ended.status == 4, ended.err
        (snapshot_id,) = set(service.states()) - before
        return snapshot_id

    return upload


def folders(state_dir):
    return sorted(
        path for path in state_dir.iterdir() if path.is_dir() and path.name != "manifests"
    )


# jobs


def test_jobs_lists_what_is_unfinished_and_nothing_else(bulkput, cut_short, image, state_dir):
    assert bulkput("upload", image("done.img")).status == 0
    snapshot_id = cut_short("web.img")
    ended = bulkput("jobs")
    head, row = ended.out.splitlines()
    assert (ended.status, ended.err) == (0, "")
    assert head.split()[:3] == ["VOLUME", "SNAPSHOT", "PHASE"]
    assert row.split()[:3] == ["web.img", snapshot_id, "uploading"]
    (job,) = bulkput("jobs", "--output", "json").object["jobs"]
    assert (job["snapshot_id"], job["attempt"], job["held"]) == (snapshot_id, 1, False)
    assert job["percent"] == 100 * job["blocks"]["acknowledged"] / 4
    assert 0 <= job["age_s"] < 60


@pytest.mark.parametrize("form", ["text", "json"])
def test_jobs_of_an_empty_or_missing_state_folder_are_none(bulkput, service, form, tmp_path):
    ended = bulkput("jobs", "--state-dir", tmp_path / "nowhere", "--output", form)
    assert ended.status == 0
    assert ended.out == "" if form == "text" else ended.object["jobs"] == []
    assert not (tmp_path / "nowhere").exists()


def test_jobs_says_which_process_works_on_an_upload(bulkput, cut_short, state_dir):
    cut_short()
    with FolderLock(folders(state_dir)[0]):
        (job,) = bulkput("jobs", "--output", "json").object["jobs"]
        assert (job["held"], job["held_by"]) == (True, os.getpid())
        assert f"process {os.getpid()}" in bulkput("jobs").out
    assert bulkput("jobs", "--output", "json").object["jobs"][0]["held"] is False


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "ledger.json").write_bytes(b'{"checksum": '),
        lambda folder: (folder / "ledger.json").unlink(),
        lambda folder: (folder / "ledger.json").write_bytes(b"\xff" * 100),
        lambda folder: (folder / "ledger.bin").write_bytes(b"x"),
        lambda folder: (folder / "ledger.bin").unlink(),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_damaged_folder_is_listed_beside_the_others(bulkput, cut_short, state_dir, damage, form):
    cut_short("web.img")
    (damaged,) = folders(state_dir)
    sound = cut_short("other.img")
    damage(damaged)
    ended = bulkput("jobs", "--output", form)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert "web.img" in ended.out
    assert sound in ended.out


def test_a_state_folder_that_is_a_file_is_one_sentence(bulkput, service, image):
    ended = bulkput("jobs", "--state-dir", image())
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.count("\n") == 1


def test_a_path_that_is_no_utf_8_is_shown(bulkput, cut_short, state_dir, tmp_path):
    cut_short(os.fsdecode(b"w\xffb\x1b[31m.img"))
    ended = bulkput("jobs")
    assert ended.status == 0
    assert "\x1b" not in ended.out
    assert "w\\udcffb" in ended.out


# abort


@pytest.mark.parametrize("way", ["folder", "relative folder", "name", "snapshot", "volume"])
def test_abort_deletes_the_snapshot_and_its_state(bulkput, cut_short, service, state_dir, way):
    other = cut_short("other.img")
    snapshot_id = cut_short("web.img")
    folder = next(each for each in folders(state_dir) if each.name.startswith("web.img-"))
    target = {
        "folder": folder,
        "relative folder": os.path.relpath(folder),
        "name": folder.name,
        "snapshot": snapshot_id,
        "volume": "web.img",
    }[way]
    ended = bulkput("abort", target, "--yes")
    assert (ended.status, ended.out) == (0, f"deleted {snapshot_id}\n"), ended.err
    assert service.states() == {other: "pending", snapshot_id: "gone"}
    assert not folder.exists()
    assert len(folders(state_dir)) == 1


def test_abort_in_json_says_what_was_done(bulkput, cut_short, state_dir):
    snapshot_id = cut_short()
    (folder,) = folders(state_dir)
    assert bulkput("abort", "web.img", "--yes", "--output", "json").object == {
        "status": "aborted",
        "folder": str(folder),
        "deleted_snapshot_ids": [snapshot_id],
        "notes": [],
        "error": None,
        "exit_code": 0,
    }


def test_abort_refuses_while_another_process_works(bulkput, cut_short, service, state_dir):
    snapshot_id = cut_short()
    (folder,) = folders(state_dir)
    with FolderLock(folder):
        ended = bulkput("abort", snapshot_id, "--yes")
    assert (ended.status, ended.out) == (3, "")
    assert f"process {os.getpid()} is working on this upload" in ended.err
    assert service.states() == {snapshot_id: "pending"}
    assert folder.exists()


def test_abort_of_a_completed_snapshot_deletes_nothing(bulkput, service, image, state_dir):
    snapshot_id = bulkput("upload", image()).out.strip()
    ended = bulkput("abort", snapshot_id, "--yes")
    assert (ended.status, ended.out) == (7, "")
    assert "is completed: abort deletes nothing" in ended.err
    assert service.states() == {snapshot_id: "completed"}
    assert len(folders(state_dir)) == 1


def test_abort_of_a_completed_upload_asks_no_service(bulkput, service, image, state_dir):
    snapshot_id = bulkput("upload", image()).out.strip()
    service.fail("DescribeSnapshots")
    assert bulkput("abort", snapshot_id, "--yes").status == 7
    assert len(service.emulator.faults.unreached()) == 1
    assert len(folders(state_dir)) == 1


def test_abort_believes_ec2_when_the_ledger_does_not_know_the_end(bulkput, service, image):
    snapshot_id = bulkput("upload", image(), "--no-wait").out.strip()
    ended = bulkput("abort", "web.img", "--yes")
    assert ended.status == 7
    assert service.states() == {snapshot_id: "completed"}


def test_abort_of_a_snapshot_that_is_gone_removes_the_state(bulkput, cut_short, service, state_dir):
    snapshot_id = cut_short()
    service.emulator.store.delete(snapshot_id)
    ended = bulkput("abort", snapshot_id, "--yes")
    assert (ended.status, ended.out) == (0, "")
    assert f"EC2 does not know {snapshot_id}" in ended.err
    assert folders(state_dir) == []


def test_a_refused_deletion_keeps_the_state(bulkput, cut_short, service, state_dir):
    snapshot_id = cut_short()
    service.fail("DeleteSnapshot", FaultKind.ERROR, http_status=403, code="UnauthorizedOperation")
    ended = bulkput("abort", snapshot_id, "--yes", "--output", "json")
    assert ended.status == 4
    assert ended.object["exit_code"] == 4
    assert "Allow ec2:DeleteSnapshot" in ended.err
    assert len(folders(state_dir)) == 1
    assert bulkput("abort", snapshot_id, "--yes").status == 0


def test_abort_repeats_a_call_that_fails_for_a_moment(bulkput, cut_short, service):
    snapshot_id = cut_short()
    service.fail("DeleteSnapshot", FaultKind.HTML_503)
    ended = bulkput("abort", snapshot_id, "--yes")
    assert ended.status == 0
    assert "trying again" in ended.err
    assert service.states() == {snapshot_id: "gone"}


def test_abort_finds_the_snapshot_of_a_start_whose_answer_was_lost(
    bulkput, service, image, state_dir
):
    service.fail("StartSnapshot", FaultKind.ACCESS_DENIED)
    assert bulkput("upload", image()).status == 4
    (folder,) = folders(state_dir)
    client_token = Ledger.view(folder).header.client_token
    for _ in range(2):  # answers are lost until the operation's deadline: only the token is kept
        service.fail("StartSnapshot", FaultKind.STORE_THEN_CLOSE)
    service.fail("StartSnapshot", FaultKind.ACCESS_DENIED)
    assert bulkput("upload", image()).status == 4
    (snapshot_id,) = service.states()
    assert service.emulator.store.get(snapshot_id).record.client_token == client_token
    ended = bulkput("abort", "web.img", "--yes")
    assert (ended.status, ended.out) == (0, f"deleted {snapshot_id}\n"), ended.err
    assert folders(state_dir) == []


def test_files_of_others_in_the_folder_are_kept(bulkput, cut_short, state_dir):
    snapshot_id = cut_short()
    (folder,) = folders(state_dir)
    (folder / "notes.txt").write_text("mine")
    ended = bulkput("abort", snapshot_id, "--yes")
    assert ended.status == 0
    assert "it holds other files" in ended.err
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("target", ["nothing", "snap-0123", "no/such/folder", "x" * 5000, "."])
def test_abort_of_what_is_not_there_is_one_sentence(bulkput, cut_short, service, target):
    snapshot_id = cut_short()
    ended = bulkput("abort", target, "--yes")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.count("\n") == 1
    assert service.states() == {snapshot_id: "pending"}


def test_a_volumes_name_that_fits_several_uploads_decides_nothing(bulkput, cut_short, service):
    cut_short("web.img")
    cut_short("web.img", "--description", "another")
    ended = bulkput("abort", "web.img", "--yes")
    assert ended.status == 3
    assert "web.img matches several: web.img-" in ended.err
    assert set(service.states().values()) == {"pending"}


def test_without_a_terminal_abort_needs_yes(bulkput, cut_short, service):
    snapshot_id = cut_short()
    ended = bulkput("abort", snapshot_id)
    assert (ended.status, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert service.states() == {snapshot_id: "pending"}


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 2), ("", 2), ("\x04", 2)])
def test_abort_asks_on_a_terminal(cut_short, service, answer, status):
    snapshot_id = cut_short()
    ours, theirs = pty.openpty()
    process = ForkedProgram(
        ["abort", snapshot_id],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    os.write(ours, answer.encode() + b"\n")
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == status, err
    assert err.startswith(f"Delete {snapshot_id} and all state of ")
    assert out == ("" if status else f"deleted {snapshot_id}\n")
    assert service.states() == {snapshot_id: "pending" if status else "gone"}


# gc


@pytest.fixture
def orphan(cut_short, state_dir):
    """Return a pending snapshot whose state is lost."""
    snapshot_id = cut_short()
    shutil.rmtree(state_dir)
    return snapshot_id


def test_gc_lists_a_snapshot_whose_ledger_is_lost_and_deletes_it_when_told(
    bulkput, orphan, service, state_dir
):
    listed = bulkput("gc", "--older-than=0s")
    assert listed.status == 0
    assert listed.out.splitlines()[1].split()[0] == orphan
    assert "1 to delete: --yes deletes them" in listed.err
    assert service.states() == {orphan: "pending"}
    deleted = bulkput("gc", "--older-than=0s", "--yes")
    assert (deleted.status, "deleted" in deleted.out) == (0, True)
    assert service.states() == {orphan: "gone"}
    again = bulkput("gc", "--older-than=0s", "--yes")
    assert (again.status, again.out) == (0, "")


def test_gc_never_touches_what_a_ledger_knows(bulkput, cut_short, service):
    snapshot_id = cut_short()
    assert (
        bulkput("gc", "--older-than=0s", "--yes", "--elsewhere", "--output", "json").object[
            "snapshots"
        ]
        == []
    )
    assert service.states() == {snapshot_id: "pending"}


@pytest.mark.parametrize("content", [b"", b"torn"])
def test_gc_leaves_alone_what_a_damaged_ledger_may_know(
    bulkput, cut_short, service, state_dir, content
):
    snapshot_id = cut_short()
    (folder,) = folders(state_dir)
    (folder / "ledger.json").write_bytes(content)
    assert (
        bulkput("gc", "--older-than=0s", "--yes", "--elsewhere", "--output", "json").object[
            "snapshots"
        ]
        == []
    )
    assert service.states() == {snapshot_id: "pending"}


def test_gc_leaves_alone_what_a_start_without_an_answer_may_have_made(
    bulkput, service, image, state_dir
):
    service.fail("StartSnapshot", FaultKind.STORE_THEN_CLOSE)
    service.fail("StartSnapshot", FaultKind.ACCESS_DENIED)
    assert bulkput("upload", image()).status == 4
    (folder,) = folders(state_dir)
    assert Ledger.view(folder).header.phase is LedgerPhase.STARTING
    (snapshot_id,) = service.states()
    assert bulkput("gc", "--older-than=0s", "--yes", "--output", "json").object["snapshots"] == []
    assert service.states() == {snapshot_id: "pending"}


def test_gc_leaves_uploads_of_other_folders_alone_unless_told(
    bulkput, cut_short, service, tmp_path
):
    snapshot_id = cut_short()
    elsewhere = (
        "gc",
        "--older-than=0s",
        "--state-dir",
        tmp_path / "other",
        "--yes",
        "--output",
        "json",
    )
    (found,) = bulkput(*elsewhere).object["snapshots"]
    assert (found["snapshot_id"], found["finding"]) == (snapshot_id, "elsewhere")
    assert service.states() == {snapshot_id: "pending"}
    (found,) = bulkput(*elsewhere, "--elsewhere").object["snapshots"]
    assert found["finding"] == "deleted"
    assert service.states() == {snapshot_id: "gone"}


def test_gc_leaves_the_young_alone_unless_told(bulkput, orphan, service):
    ended = bulkput("gc", "--yes")
    assert (ended.status, ended.out) == (0, "")
    assert "1 younger than --older-than" in ended.err
    assert service.states() == {orphan: "pending"}
    assert bulkput("gc", "--yes", "--older-than", "0s").status == 0
    assert service.states() == {orphan: "gone"}


def test_gc_leaves_alone_what_the_upload_of_a_clone_works_on(
    bulkput, service, image, state_dir, monkeypatch
):
    """The clone has the same machine, folder and names; its ledger is another copy."""
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    service.fail("PutSnapshotBlock", FaultKind.DELAY_ANSWER, delay_s=1.0)
    service.fail("CompleteSnapshot")
    assert bulkput("upload", image()).status == 4
    (snapshot_id,) = service.states()
    shutil.rmtree(state_dir)
    ended = bulkput("gc", "--yes", "--older-than=0s", "--elsewhere")
    assert (ended.status, ended.out) == (0, "")
    assert "1 that an upload was at work on" in ended.err
    assert service.states() == {snapshot_id: "pending"}
    alive = service.tags(snapshot_id)["bulkput"]
    stale = f"{alive.partition('=')[0]}={time.time() - 3601:.0f}"
    ec2 = boto3.client("ec2", endpoint_url=service.url, region_name="us-east-1")
    ec2.create_tags(Resources=[snapshot_id], Tags=[{"Key": "bulkput", "Value": stale}])
    assert bulkput("gc", "--older-than=0s", "--yes").status == 0
    assert service.states() == {snapshot_id: "gone"}


def test_a_lease_that_may_not_be_renewed_fails_no_upload(bulkput, service, image, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    service.fail("PutSnapshotBlock", FaultKind.DELAY_ANSWER, delay_s=0.5)
    refused = {"http_status": 403, "code": "UnauthorizedOperation", "times": None}
    service.fail("CreateTags", FaultKind.ERROR, **refused)
    assert bulkput("upload", image()).status == 0
    (snapshot_id,) = service.states()
    assert "alive" not in service.tags(snapshot_id)["bulkput"]


def test_gc_reads_every_page(bulkput, cut_short, service, state_dir, monkeypatch):
    expected = {cut_short(f"web-{number}.img") for number in range(7)}
    shutil.rmtree(state_dir)
    monkeypatch.setattr(ec2_form, "_PAGE_SNAPSHOTS", 5)
    found = bulkput("gc", "--older-than=0s", "--output", "json").object["snapshots"]
    assert {each["snapshot_id"] for each in found} == expected


def test_gc_goes_on_after_a_deletion_that_fails_and_ends_with_its_code(
    bulkput, cut_short, service, state_dir
):
    first, second = cut_short("a.img"), cut_short("b.img")
    shutil.rmtree(state_dir)
    service.fail("DeleteSnapshot", FaultKind.ERROR, http_status=403, code="UnauthorizedOperation")
    ended = bulkput("gc", "--older-than=0s", "--yes")
    assert ended.status == 4
    assert "Allow ec2:DeleteSnapshot" in ended.err
    assert service.states() == {first: "pending", second: "gone"}


def test_gc_does_not_see_snapshots_of_others(bulkput, orphan, service, cut_short, state_dir):
    foreign = service.emulator.store.get(cut_short("foreign.img", "--client-token", "theirs"))
    assert "bulkput" not in service.tags(foreign.record.snapshot_id)
    shutil.rmtree(state_dir)
    found = bulkput("gc", "--older-than=0s", "--elsewhere", "--output", "json").object["snapshots"]
    assert [each["snapshot_id"] for each in found] == [orphan]


@pytest.mark.parametrize("text", ["soon", "-1h", "1x", ""])
def test_gc_refuses_an_age_that_is_none(bulkput, service, text):
    ended = bulkput("gc", "--yes", f"--older-than={text}")
    assert (ended.status, ended.out) == (2, "")
    assert "--older-than" in ended.err


def test_a_wrong_variable_is_named_as_everywhere(bulkput, service, monkeypatch):
    monkeypatch.setenv("BULKPUT_REGIO", "x")
    for words in (["jobs"], ["gc"], ["abort", "x", "--yes"], ["ledger", "show", "x"]):
        ended = bulkput(*words)
        assert "warning: the environment variable BULKPUT_REGIO is none of" in ended.err
        assert "did you mean BULKPUT_REGION?" in ended.err


@pytest.mark.parametrize("words", [["gc", "--elsewhere"], ["abort", "web.img", "--yes"]])
def test_wrong_keys_are_credentials_and_never_shown(
    bulkput, cut_short, service, words, monkeypatch
):
    cut_short()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY/secret+key0123456789")
    ended = bulkput(*words, "--verbose")
    assert ended.status == 4
    assert "CANARY" not in ended.out + ended.err


# the mark


def test_a_snapshot_carries_the_place_of_its_ledger(cut_short, service, state_dir):
    tags = service.tags(cut_short("web.img", "--tag", "Name=web"))
    (folder,) = folders(state_dir)
    assert tags.pop("bulkput").endswith(f":{folder}")
    assert tags == {"Name": "web"}


def test_without_the_right_to_tag_the_snapshot_is_started_without_the_mark(bulkput, service, image):
    service.deny_tags()
    ended = bulkput("upload", image(), "--output", "json")
    assert ended.status == 0, ended.err
    assert service.tags(ended.object["snapshot_id"]) == {}
    assert any("ec2:CreateTags is not allowed" in note for note in ended.object["notes"])


def test_the_users_own_tags_are_never_left_out(bulkput, service, image):
    service.deny_tags()
    service.deny_tags()
    ended = bulkput("upload", image(), "--tag", "Name=web")
    assert ended.status == 4
    assert "ec2:CreateTags" in ended.err
    assert service.states() == {}


def test_another_refusal_is_not_tried_again_without_the_mark(bulkput, service, image):
    service.fail("StartSnapshot")
    assert bulkput("upload", image()).status == 4
    assert service.states() == {}


def test_the_mark_can_be_switched_off(bulkput, service, image, tmp_path):
    job = tmp_path / "job.yaml"
    job.write_text(f"version: 1\nvolumes:\n- source: {image()}\n  snapshot: {{mark: false}}\n")
    snapshot_id = bulkput("run", job).out.strip()
    assert service.tags(snapshot_id) == {}


def test_the_users_tag_of_that_name_wins(bulkput, service, image):
    snapshot_id = bulkput("upload", image(), "--tag", "bulkput=mine").out.strip()
    assert service.tags(snapshot_id) == {"bulkput": "mine"}
