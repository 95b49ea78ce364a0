"""``abort`` against a real server, after uploads that were cut short."""

import os
import pty
import subprocess
from pathlib import Path

import pytest
from support.ec2 import Boto
from support.folders import folders
from support.program import ForkedProgram

from bulkput.emulator.faults import FaultKind
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.lock import FolderLock


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


def test_abort_in_json_reports_what_was_done(bulkput, cut_short, state_dir):
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
    others = pending_of_others(service, service.tags(snapshot_id)["bulkput"])
    ended = bulkput("abort", "web.img", "--yes")
    assert (ended.status, ended.out) == (0, f"deleted {snapshot_id}\n"), ended.err
    assert folders(state_dir) == []
    assert service.states() == {snapshot_id: "gone"} | dict.fromkeys(others, "pending")


def pending_of_others(service, mark):
    """Start snapshots of another volume of this place, of the same one elsewhere, and of nobody."""
    place, _, folder = mark.rpartition("/")
    ebs = Boto(service.url, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY).client("ebs")
    marks = (f"{place}/db.img-0123456789ab", f"elsewhere+1:/var/lib/state/{folder}", None)
    tags = [[] if mark is None else [{"Key": "bulkput", "Value": mark}] for mark in marks]
    return [ebs.start_snapshot(VolumeSize=1, Tags=each)["SnapshotId"] for each in tags]


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
