"""What a machine, a folder and an account are judged to be."""

import os
import resource
from types import SimpleNamespace

import pytest

from bulkput.config.tuning import TuningSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.error_response import error_of_answer
from bulkput.ebs.probe import NO_SNAPSHOT, CallerIdentity, Probe
from bulkput.ebs.quotas import PutQuotas, read_pending_quota
from bulkput.jobs.check import account, machine, state_dir
from bulkput.jobs.check.finding import CheckStatus, failure, ok, skipped, warning, worst
from bulkput.jobs.check.permissions import ACTIONS, look_at_action
from bulkput.model.errors import CredentialsError, ServiceError
from bulkput.model.failure import FailureClass


def refusal(failure_class, operation="GetCallerIdentity"):
    return ServiceError(operation, failure_class, "no", advice="Allow it")


def volume(**more):
    return VolumeSettings.model_validate({"source": "/disks/web.img", **more})


@pytest.mark.parametrize(
    ("cpuinfo", "action", "message"),
    [
        ("processor : 0\nflags\t\t: fpu aes sha_ni avx2\n", "ok", "SHA and AES"),
        ("Features\t: fp asimd aes sha1 sha2\n", "ok", "SHA and AES"),
        ("flags : fpu aes\n", "warning", "SHA-256"),
        ("flags : fpu sha_ni\n", "warning", "AES"),
        ("flags : fpu\n", "warning", "SHA-256 and AES"),
        ("", "warning", "does not show"),
    ],
)
def test_the_processor_is_judged_by_the_instructions_it_lists(cpuinfo, action, message):
    finding = machine.cpu(cpuinfo, 2)
    assert finding.status == action
    assert message in finding.what


def test_an_old_kernel_fails_only_who_insists_on_maps():
    assert machine.kernel("6.1", {"mmap"}, populates=True).status is CheckStatus.OK
    assert machine.kernel("4.19", {"auto"}, populates=False).status is CheckStatus.WARNING
    refused = machine.kernel("4.19", {"auto", "mmap"}, populates=False)
    assert (refused.status, refused.exit_code) == (CheckStatus.FAILURE, 6)


def test_open_files_are_counted_against_the_connections():
    assert machine.open_files(1024, 4096, 512).status is CheckStatus.OK
    assert machine.open_files(resource.RLIM_INFINITY, -1, 10**6).status is CheckStatus.OK
    short = machine.open_files(1024, 4096, 2048)
    assert short.status is CheckStatus.WARNING
    assert "`ulimit -n 2112`" in short.advice
    assert "hard limit" in machine.open_files(1024, 1024, 2048).advice


def test_a_state_folder_that_is_missing_is_judged_by_where_it_will_be(tmp_path):
    there = tmp_path / "a" / "b"
    assert state_dir.look_at_state(there, 1000).status is CheckStatus.OK
    assert not there.parent.exists()


def test_a_file_in_the_way_and_a_disk_too_small_are_failures(tmp_path):
    (tmp_path / "file").write_text("")
    assert state_dir.look_at_state(tmp_path / "file", 1).exit_code == 3
    full = state_dir.look_at_state(tmp_path / "state", 1 << 50)
    assert (full.status, full.exit_code) == (CheckStatus.FAILURE, 5)


def test_a_state_folder_of_another_user_or_closed_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written" in state_dir.look_at_state(tmp_path, 1).what
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert "belongs to user id" in state_dir.look_at_state(tmp_path, 1).what


def test_sts_that_does_not_answer_is_a_warning_and_refused_keys_are_a_failure():
    assert (
        account.identity(CallerIdentity("123", "arn:aws:iam::123:user/u")).status is CheckStatus.OK
    )
    assert account.identity(refusal(FailureClass.TRANSIENT)).status is CheckStatus.WARNING
    assert account.identity(refusal(FailureClass.ACCESS_DENIED)).status is CheckStatus.WARNING
    for error in (refusal(FailureClass.SIGNATURE), CredentialsError("gone")):
        assert account.identity(error).exit_code == 4


@pytest.mark.parametrize(
    ("offset_s", "action", "message"),
    [
        (None, "warning", "no response"),
        (0.4, "ok", "within 1 s"),
        (-60.0, "ok", "within 60 s"),
        (61.0, "warning", "61 s behind"),
        (-900.0, "warning", "900 s ahead of"),
    ],
)
def test_a_clock_that_differs_is_a_warning(offset_s, action, message):
    finding = account.clock(offset_s)
    assert finding.status == action
    assert message in finding.what


def test_encryption_by_default_fails_who_declines_it_or_skips_blocks():
    declined = volume(snapshot={"encrypted": False})
    skipping = volume(zeros="skip-holes")
    assert account.default_encryption(False, [declined, skipping]).status is CheckStatus.OK
    assert account.default_encryption(True, [volume()]).status is CheckStatus.OK
    assert account.default_encryption(True, [volume(), declined]).exit_code == 7
    assert account.default_encryption(True, [volume(), skipping]).exit_code == 3
    denied = refusal(FailureClass.ACCESS_DENIED, "GetEbsEncryptionByDefault")
    assert account.default_encryption(denied, []).status is CheckStatus.WARNING


def test_quotas_are_reported_and_what_is_configured_above_them_is_a_warning():
    reported = account.put_quotas(PutQuotas(1000.0, 5000.0), TuningSettings())
    assert reported.status is CheckStatus.OK
    assert "5,000/s (L-AFAE1BE8)" in reported.what
    tuning = TuningSettings(puts_per_s_account=6000.0)
    above = account.put_quotas(PutQuotas(1000.0, 5000.0), tuning)
    assert above.status is CheckStatus.WARNING
    assert "6,000/s" in above.what
    assert account.put_quotas(PutQuotas(None, None), tuning).status is CheckStatus.WARNING
    assert "unknown" in account.put_quotas(PutQuotas(None, 10.0), TuningSettings()).what


@pytest.mark.parametrize(
    ("found", "limit", "wanted", "action"),
    [
        (0, None, 1, "ok"),
        (79, None, 1, "ok"),
        (80, None, 1, "warning"),
        (99, None, 1, "warning"),
        (99, None, 2, "failure"),
        (100, None, 1, "failure"),
        (100, 200.0, 1, "ok"),
    ],
)
def test_pending_snapshots_are_judged_by_what_is_left(found, limit, wanted, action):
    finding = account.pending_snapshots(found, limit, wanted)
    assert finding.status == action
    assert finding.exit_code == (9 if action == "failure" else 0)


def test_the_worst_of_all_is_the_verdict():
    lines = [ok("a", ""), skipped("b", "")]
    assert worst(lines) is CheckStatus.OK
    assert worst([*lines, warning("c", "", "")]) is CheckStatus.WARNING
    assert worst([warning("c", "", ""), failure("d", "", "", 4), *lines]) is CheckStatus.FAILURE


class FakeAws:
    """The clients of AWS's other services, which answer or raise what they are scripted to."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []
        self.region = "eu-west-1"
        self.clock_offset_s = 7.0
        self.clock = SimpleNamespace(unix_s=lambda: 1_000_000_000.0)
        self.offsets = []

    def open_client(self, _):
        return self

    def set_clock_offset(self, offset_s):
        self.offsets.append(offset_s)

    async def call(self, operation, parameters, **_):
        self.calls.append((operation, parameters))
        answer = self.answers[operation]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_who_the_credentials_are_comes_from_sts_with_the_clock():
    date = {"HTTPHeaders": {"Date": "Sun, 09 Sep 2001 01:48:20 GMT"}}
    aws = FakeAws(
        GetCallerIdentity={"Result": {"Account": "123", "Arn": "arn:x"}, "ResponseMetadata": date},
        GetEbsEncryptionByDefault={"EbsEncryptionByDefault": True},
    )
    probe = Probe(aws)
    assert await probe.identity() == CallerIdentity("123", "arn:x")
    assert await probe.encrypts_by_default() is True
    assert probe.clock_offset_s == 100.0
    assert aws.offsets == [7.0, 7.0]


async def test_pending_snapshots_are_counted_over_all_pages():
    pages = [{"Snapshots": [{}, {}], "NextToken": "more"}, {"Snapshots": [{}]}]
    aws = FakeAws(DescribeSnapshots=pages)
    probe = Probe(aws)
    assert await probe.pending_snapshots() == 3
    assert aws.calls[1][1]["NextToken"] == "more"


def refused(code, status, message="m"):
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    content = f"{body}</Errors><RequestID>r</RequestID></Response>".encode()
    return error_of_answer("CreateTags", status, {}, content, region="eu-west-1")


async def tagging(answer, *volumes):
    (action,) = [each for each in ACTIONS if each.name == "ec2:CreateTags"]
    aws = FakeAws(CreateTags=answer)

    async def run(call):
        return await call()

    probe = Probe(aws)
    finding = await look_at_action(action, volumes, run, probe, is_aws=True)
    ((_, parameters),) = aws.calls
    assert (parameters["DryRun"], parameters["Resources"]) == (True, [NO_SNAPSHOT])
    return finding


@pytest.mark.parametrize(
    ("code", "status"), [("DryRunOperation", 412), ("InvalidSnapshot.NotFound", 400)]
)
async def test_a_dry_run_that_iam_lets_pass_is_well(code, status):
    assert (await tagging(refused(code, status))).status is CheckStatus.OK


async def test_a_dry_run_that_iam_refuses_fails_who_wants_tags():
    denied = refused("UnauthorizedOperation", 403)
    assert (await tagging(denied)).status is CheckStatus.WARNING
    tagged = volume(snapshot={"tags": {"Name": "web"}})
    finding = await tagging(denied, volume(), tagged)
    assert (finding.status, finding.exit_code) == (CheckStatus.FAILURE, 4)
    assert "Allow ec2:CreateTags on arn:aws:ec2:eu-west-1::snapshot/*" in finding.advice


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (FailureClass.TRANSIENT, CheckStatus.WARNING),
        (FailureClass.UNREACHABLE, CheckStatus.WARNING),
        (FailureClass.NO_SUCH_HOST, CheckStatus.WARNING),
        (FailureClass.PROXY_REFUSED, CheckStatus.FAILURE),
    ],
)
async def test_what_the_service_has_not_answered_permits_nothing(failure, status):
    tagged = volume(snapshot={"tags": {"Name": "web"}})
    assert (await tagging(refusal(failure), tagged)).status is status


async def test_a_start_that_is_let_through_is_taken_back():
    class Lax:
        deleted = ()

        async def start_snapshot(self, request):
            assert (request.parent_snapshot_id, request.encrypted) == (NO_SNAPSHOT, True)
            return SimpleNamespace(snapshot_id="snap-1")

        async def delete_snapshot(self, snapshot_id):
            self.deleted = (snapshot_id,)

    control = Lax()
    await Probe(SimpleNamespace(control=control)).start()
    assert control.deleted == ("snap-1",)


async def test_the_quota_of_pending_snapshots_is_asked_for_or_unknown():
    aws = FakeAws(GetServiceQuota={"Quota": {"Value": 250.0}})
    assert await read_pending_quota(aws.open_client) == 250.0
    assert aws.calls[0][1]["QuotaCode"] == "L-94D7AB7D"
    assert await read_pending_quota(FakeAws(GetServiceQuota=OSError()).open_client) is None
