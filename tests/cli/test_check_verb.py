"""``check`` against a real server: what is wrong is named with what to do, nothing is changed."""

import os

import pytest
from support.s3_server import s3_server
from support.served import BLOCK

from bulkput.emulator.faults import FaultKind


@pytest.fixture
def job(tmp_path):
    """Write a job with one source and whatever its volume has beside it."""

    def write(more="", size_blocks=3):
        boot_sector = bytes(510) + b"\x55\xaa"
        disk = boot_sector + os.urandom(size_blocks * BLOCK - len(boot_sector))
        (tmp_path / "web.img").write_bytes(disk)
        path = tmp_path / "job.yaml"
        path.write_text(f"version: 1\nvolumes:\n  - source: web.img\n{more}")
        return path

    return write


def lines_of(ended):
    return {each["name"]: each for each in ended.object["checks"]}


def checked(bulkput, *args):
    ended = bulkput("check", *args, "--output", "json")
    return ended, lines_of(ended)


def deny(service, operation, action):
    """Refuse the next call as IAM does."""
    code = "UnauthorizedOperation" if action.startswith("ec2:") else "AccessDeniedException"
    service.fail(
        operation,
        FaultKind.ERROR,
        http_status=403,
        code=code,
        message=f"User: u is not authorized to perform: {action} on resource: x",
    )


def test_all_is_well_and_nothing_was_made(bulkput, service, state_dir, job):
    ended, lines = checked(bulkput, job())
    assert ended.status == 0, ended.out
    warns = any(line["verdict"] == "warning" for line in lines.values())  # of the machine
    assert (ended.object["status"], ended.object["error"]) == ("warning" if warns else "ok", None)
    assert lines["source web.img"]["verdict"] == "ok"
    assert lines["pending snapshots"]["what"].startswith("0 of 100")
    assert service.states() == {}
    assert not state_dir.exists()


@pytest.mark.parametrize(
    ("fault", "verdict", "words"),
    [
        ({}, "ok", "conditions are kept"),
        ({"answer": 403}, "warning", "403/AccessDenied"),
        ({"ignores_conditions": True}, "warning", "writes whatever If-None-Match"),
    ],
)
def test_a_state_store_is_tried_and_left_as_it_was(
    bulkput, service, job, monkeypatch, fault, verdict, words
):
    with s3_server() as s3:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        for name, value in fault.items():
            setattr(s3, name, value)
        ended, lines = checked(bulkput, job())
        assert s3.objects == {}
    assert ended.status == 0, ended.out
    line = lines["state store"]
    assert (line["verdict"], words in line["what"]) == (verdict, True), line


def test_no_state_store_is_no_line(bulkput, service, job):
    assert "state store" not in checked(bulkput, job())[1]


def test_what_only_aws_knows_is_reported_as_skipped(bulkput, service):
    _, lines = checked(bulkput)
    skipped = {name for name, each in lines.items() if each["verdict"] == "skipped"}
    assert skipped == {"identity", "default encryption", "put quotas", "ec2:CreateTags"}
    assert all("not AWS's own" in lines[name]["what"] for name in skipped)


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("StartSnapshot", "ebs:StartSnapshot"),
        ("PutSnapshotBlock", "ebs:PutSnapshotBlock"),
        ("CompleteSnapshot", "ebs:CompleteSnapshot"),
        ("DescribeSnapshots", "ec2:DescribeSnapshots"),
    ],
)
def test_a_permission_that_every_upload_needs_fails_and_is_named(
    bulkput, service, operation, action
):
    deny(service, operation, action)
    ended, lines = checked(bulkput)
    assert ended.status == 4
    assert lines[action]["verdict"] == "failure"
    assert f"Allow {action} on" in lines[action]["advice"]
    assert [name for name, each in lines.items() if each["verdict"] == "failure"] == [action]
    assert ended.err == f"bulkput: error: an upload would fail: {action}\n"


@pytest.mark.parametrize(
    ("operation", "action", "wish"),
    [
        ("ListSnapshotBlocks", "ebs:ListSnapshotBlocks", "    verify: full\n"),
        ("GetSnapshotBlock", "ebs:GetSnapshotBlock", "    verify: full\n"),
        ("DeleteSnapshot", "ec2:DeleteSnapshot", "    on_failure: delete\n"),
    ],
)
def test_a_permission_fails_only_where_the_job_needs_it(
    bulkput, service, job, operation, action, wish
):
    for more, status, verdict in (("", 0, "warning"), (wish, 4, "failure")):
        deny(service, operation, action)
        ended, lines = checked(bulkput, job(more))
        assert (ended.status, lines[action]["verdict"]) == (status, verdict)
        assert f"Allow {action} on" in lines[action]["advice"]


def test_what_only_other_verbs_need_is_a_warning_that_names_them(bulkput, service):
    deny(service, "ListChangedBlocks", "ebs:ListChangedBlocks")
    ended, lines = checked(bulkput)
    assert (ended.status, lines["ebs:ListChangedBlocks"]["verdict"]) == (0, "warning")
    assert "bulkput diff" in lines["ebs:ListChangedBlocks"]["advice"]


def test_no_answer_is_no_permission_and_no_denial(bulkput, service, monkeypatch):
    monkeypatch.setattr("bulkput.jobs.check.check_job._CALL_LIMIT_S", 0.0)
    service.fail("CompleteSnapshot", FaultKind.INTERNAL_ERROR, times=None)
    ended, lines = checked(bulkput)
    assert ended.status == 0
    assert lines["ebs:CompleteSnapshot"]["verdict"] == "warning"
    assert "could not be determined" in lines["ebs:CompleteSnapshot"]["advice"]


def test_wrong_keys_are_reported_once_and_end_the_questions(bulkput, service, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong/secret/key/0123456789012345678901")
    ended, lines = checked(bulkput)
    assert ended.status == 4
    assert [name for name, each in lines.items() if each["verdict"] == "failure"] == [
        "ec2:DescribeSnapshots"
    ]
    assert lines["ebs:PutSnapshotBlock"]["verdict"] == "skipped"
    assert "wrong/secret" not in ended.out + ended.err


def test_no_credentials_and_no_region_are_failures_beside_the_machine(
    bulkput, service, monkeypatch
):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    ended, lines = checked(bulkput)
    assert ended.status == 4
    assert "no credentials were found" in lines["region, endpoint and credentials"]["what"]
    assert "cpu" in lines
    monkeypatch.delenv("AWS_REGION")
    assert checked(bulkput)[0].status == 3


def test_a_source_that_is_gone_is_graver_than_a_permission(bulkput, service, job, tmp_path):
    path = job()
    (tmp_path / "web.img").unlink()
    deny(service, "PutSnapshotBlock", "ebs:PutSnapshotBlock")
    ended, lines = checked(bulkput, path)
    assert ended.status == 6
    assert "does not exist" in lines["source web.img"]["what"]
    assert lines["ebs:PutSnapshotBlock"]["exit_code"] == 4


def test_a_volume_too_small_for_its_source_is_reported_with_the_size_it_takes(
    bulkput, service, job
):
    path = job("    snapshot:\n      volume_size_gib: 1\n", size_blocks=1)
    os.truncate(path.parent / "web.img", (1 << 30) + 1)
    ended, lines = checked(bulkput, path)
    assert ended.status == 3
    assert "to 2 or more" in lines["source web.img"]["advice"]


def test_pending_snapshots_at_the_limit_fail(bulkput, service, monkeypatch):
    monkeypatch.setattr("bulkput.jobs.check.account.PENDING_DEFAULT", 1)
    image = "web.img"
    with open(image, "wb") as file:  # noqa: PTH123 - in the folder of the test
        file.write(os.urandom(2 * BLOCK))
    service.fail("PutSnapshotBlock")
    assert bulkput("upload", image).status == 4
    ended, lines = checked(bulkput)
    assert ended.status == 9
    assert "1 of 1" in lines["pending snapshots"]["what"]
    assert "bulkput gc" in lines["pending snapshots"]["advice"]


def test_people_read_a_line_each_and_what_to_do_below(bulkput, service):
    deny(service, "PutSnapshotBlock", "ebs:PutSnapshotBlock")
    ended = bulkput("check")
    rows = ended.out.splitlines()
    at = next(number for number, row in enumerate(rows) if row.startswith("failure"))
    assert rows[at].split()[1] == "ebs:PutSnapshotBlock"
    assert rows[at + 1].strip().startswith("-> Allow ebs:PutSnapshotBlock")


def test_the_embedded_server_is_asked_too(bulkput, tmp_path, state_dir):
    path = tmp_path / "job.yaml"
    path.write_text("version: 1\nendpoint: embedded\nvolumes:\n  - source: {sample: 8MiB}\n")
    ended, lines = checked(bulkput, path, "--state-dir", state_dir)
    assert ended.status == 0, ended.out
    assert lines["ebs:StartSnapshot"]["verdict"] == "ok"
