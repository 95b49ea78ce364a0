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
EBS = {
    *("StartSnapshot", "PutSnapshotBlock", "CompleteSnapshot"),
    *("ListSnapshotBlocks", "GetSnapshotBlock", "ListChangedBlocks"),
}
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
    services = dict.fromkeys(EBS, "ebs") | {"PutParameter": "ssm", "GetParameter": "ssm"}
    services["DescribeKey"] = "kms"
    return {f"{services.get(name, 'ec2')}:{name}" for name in names}


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


STEPS = """
version: 1
volumes:
  - name: root
    source: disk.img
    share: {accounts: ["222233334444"], public: true}
    create_volume: {availability_zone: us-east-1a}
    fast_restore: [us-east-1a]
    lock: {mode: governance, duration_days: 1}
    regions: [{region: us-west-2}]
"""
IMAGE = """
images:
  - name: web
    family: web
    architecture: x86_64
    boot_mode: uefi
    contradict_disk: true
    share: {accounts: ["222233334444"], public: true}
    deprecate_after: 90d
    regions: [{region: eu-west-1}]
    ssm_parameter: /images/web
"""
ALONE = """
version: 1
volumes: [{name: root, source: disk.img}]
"""
UNLESS_NEEDED = {
    "publish-snapshots": {
        *("ec2:CreateTags", "ec2:DeleteSnapshot", "kms:DescribeKey"),
        *("ec2:GetEbsDefaultKmsKeyId", "ec2:GetEbsEncryptionByDefault"),  # before an upload
    },
    "publish-images": {
        *("ec2:CreateTags", "ec2:DeleteSnapshot", "kms:DescribeKey", "ec2:DeregisterImage"),
        "ec2:GetEbsDefaultKmsKeyId",
    },
    "prune-images": {"ssm:GetParameters"},
}
"""What only some snapshots, or only EC2 itself, ask for."""


def test_later_steps_call_what_their_policies_allow(bulkput, service, tmp_path):
    named = ("--snapshot", f"root={service.older}", "--yes-public")
    prune = ("image", "prune", "--family", "web", "--keep", "1", "--yes")
    (tmp_path / "next.yaml").write_text(ALONE + IMAGE.replace("name: web", "name: web-2"))
    newer = ("--snapshot", f"root={service.newer}", "--yes-public")
    runs = {
        "publish-snapshots": (STEPS, [("publish", "job.yaml", *named)]),
        "publish-images": (ALONE + IMAGE, [("publish", "job.yaml", *named)]),
        "prune-images": ("", [prune]),
    }
    for policy, (job, commands) in runs.items():
        if policy == "prune-images":
            assert bulkput("publish", "next.yaml", *newer).status == 0
        (tmp_path / "job.yaml").write_text(job)
        called(service)
        for command in commands:
            ended = bulkput(*command)
            assert ended.status == 0, ended.err
        found = called(service)
        assert found <= actions(policy), policy
        left = actions(policy) - found
        assert left <= UNLESS_NEEDED[policy] | {"ec2:DescribeLaunchTemplateVersions"}, policy


def test_every_policy_is_one_that_iam_takes():
    assert len(POLICIES) == 12
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
