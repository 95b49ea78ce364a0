"""The policies under ``configs/iam`` allow what each verb calls, and nothing that none calls."""

import json
import re
from pathlib import Path

import pytest
from support.manual import page
from support.served import BLOCK, Served
from support.snapshots import make_snapshot

ROOT = Path(__file__).parents[2]
POLICIES = {path.stem: json.loads(path.read_text()) for path in (ROOT / "configs/iam").glob("*")}
NOT_OF_THE_EMULATOR = {"servicequotas:GetServiceQuota", "ec2:CreateTags"}
SNAPSHOTS = "arn:aws:ec2:*::snapshot/*"


def actions(name):
    return {action for statement in POLICIES[name]["Statement"] for action in statement["Action"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("iam") / "served")
    served.older = make_snapshot(served.url, {0: b"a" * BLOCK})
    served.newer = make_snapshot(served.url, {1: b"b" * BLOCK}, ParentSnapshotId=served.older)
    yield served
    served.stop()


@pytest.fixture
def service(served, tmp_path, monkeypatch):
    for name, value in served.environment(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    return served


def called(service):
    """Return the actions of all calls since the last look."""
    stats = service.emulator.stats
    names = {operation for operation, _, _ in stats.answers}
    stats.reset()
    ec2 = {"DescribeSnapshots", "DeleteSnapshot"}
    return {f"{'ec2' if name in ec2 else 'ebs'}:{name}" for name in names}


def test_a_verb_calls_what_its_policy_allows(bulkput, service, tmp_path):
    image, copy = tmp_path / "disk.img", tmp_path / "copy.img"
    image.write_bytes(b"a" * BLOCK)
    runs = {
        "upload": [("upload", image)],
        "verify": [("verify", service.older, "--source", image)],
        "download": [
            ("download", service.older, copy),
            ("download", service.newer, copy, "--changed-since", service.older),
        ],
        "diff": [("diff", service.older, service.newer)],
        "abort-gc": [("gc", "--yes")],
    }
    called(service)
    for policy, commands in runs.items():
        for command in commands:
            ended = bulkput(*command)
            assert ended.status == 0, ended.err
        found = called(service)
        left = actions(policy) - found - NOT_OF_THE_EMULATOR
        assert found <= actions(policy), policy
        assert left <= {"ec2:DeleteSnapshot"}, policy


def test_a_copy_calls_what_the_policies_of_both_its_ends_allow(bulkput, service):
    called(service)
    for snapshot_id in (service.older, service.newer):
        ended = bulkput("copy", snapshot_id, "--to-region", "us-west-2", "--verify")
        assert ended.status == 0, ended.err
    found = called(service)
    assert actions("copy-source") - NOT_OF_THE_EMULATOR <= found
    assert found <= actions("copy-source") | actions("upload") | actions("verify")


def test_every_policy_is_one_that_iam_takes():
    assert len(POLICIES) == 9
    for name, policy in POLICIES.items():
        assert policy["Version"] == "2012-10-17"
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            assert re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"])
            assert all(
                re.fullmatch(r"[a-z0-9]+:[A-Za-z0-9]+", each) for each in statement["Action"]
            )
            writes = {each for each in statement["Action"] if each.startswith("ebs:")}
            if writes or "ec2:DeleteSnapshot" in statement["Action"]:
                assert statement["Resource"] == SNAPSHOTS, name


def test_the_manual_has_a_row_for_each_file():
    rows = re.findall(r"^\| `iam/([a-z-]+)`", page("permissions"), re.MULTILINE)
    assert sorted(rows) == sorted(POLICIES)
