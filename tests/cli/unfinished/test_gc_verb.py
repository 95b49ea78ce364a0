"""``gc`` against a real server, after uploads that were cut short."""

import importlib
import shutil
import time

import boto3
import pytest
from support.folders import folders

from bulkput.ebs import ec2_form
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.upload import lease
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.pipeline.retry import Retrier

SECRET = "emulator/secret/key"


@pytest.fixture
def orphan(cut_short, state_dir):
    """Return a pending snapshot whose state is lost."""
    snapshot_id = cut_short()
    shutil.rmtree(state_dir)
    return snapshot_id


def test_gc_lists_a_snapshot_whose_ledger_is_lost_and_deletes_it_when_asked(
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


def test_gc_leaves_uploads_of_other_folders_alone_unless_asked(
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


def test_gc_leaves_the_young_alone_unless_asked(bulkput, orphan, service):
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
    ec2 = boto3.Session().client("ec2", endpoint_url=service.url, region_name="us-east-1")
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


@pytest.mark.parametrize(("age", "status"), [("0s", 2), ("10m", 2), ("899s", 2), ("15m", 0)])
def test_what_cannot_have_a_lease_yet_is_not_deleted(
    bulkput, orphan, service, age, status, monkeypatch
):
    monkeypatch.setattr(importlib.import_module("bulkput.cli.gc"), "DELETED_AGE_MIN_S", 900.0)
    ended = bulkput("gc", "--yes", f"--older-than={age}")
    assert ended.status == status
    assert ("--older-than: expected at least 15m" in ended.err) == bool(status)
    assert service.states() == {orphan: "pending"}
    assert orphan in bulkput("gc", "--older-than=0s").out


@pytest.mark.parametrize("verb", [("gc",), ("abort", "--yes")])
@pytest.mark.parametrize(("given", "deadline_s"), [("90s", 90.0), ("", 60.0)])
def test_the_deadline_of_a_call_is_the_one_that_is_given(
    bulkput, cut_short, monkeypatch, verb, given, deadline_s
):
    snapshot_id = cut_short()
    seen = []

    def retrier(**given):
        seen.append(given["deadline_s"])
        return Retrier(**given)

    monkeypatch.setattr("bulkput.jobs.session.connection.Retrier", retrier)
    monkeypatch.setenv("BULKPUT_TUNING_OPERATION_DEADLINE", given)
    assert bulkput(*verb, *([snapshot_id] if verb[0] == "abort" else [])).status == 0
    assert seen == [deadline_s]


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
