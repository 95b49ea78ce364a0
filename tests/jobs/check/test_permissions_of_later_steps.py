"""What a dry run is answered with, and what that shows of a permission."""

import pytest

from bulkput.jobs.check.finding import CheckStatus
from bulkput.jobs.check.later_steps import Trial, look_at_trial
from bulkput.model.errors import ConfigError, Problem, ServiceError
from bulkput.model.failure import FailureClass

LOCK = Trial("LockSnapshot", "eu-west-1", {"SnapshotId": "snap-1"})
READ = Trial("GetParameter", "eu-west-1", {"Name": "/web"}, "ssm")


class Calls:
    def __init__(self, answer):
        self.answer, self.made = answer, []

    async def call(self, operation, parameters, *, region, service):
        self.made.append((operation, dict(parameters), region, service))
        if self.answer is not None:
            raise self.answer


async def look(trial, answer):
    calls = Calls(answer)
    return await look_at_trial(trial, calls, lambda attempt: attempt()), calls.made


def refused(failure):
    return ServiceError("LockSnapshot", failure, "so it is", code="Code")


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (None, CheckStatus.OK, "not denied"),
        (refused(FailureClass.INVALID), CheckStatus.OK, "not denied"),
        (refused(FailureClass.GONE), CheckStatus.OK, "not denied"),
        (refused(FailureClass.ACCESS_DENIED), CheckStatus.FAILURE, "denied (a dry run)"),
        (refused(FailureClass.SIGNATURE), CheckStatus.FAILURE, "denied (a dry run)"),
        (refused(FailureClass.TRANSIENT), CheckStatus.WARNING, "so it is"),
        (refused(FailureClass.THROTTLED_ACCOUNT), CheckStatus.WARNING, "so it is"),
        (ConfigError((Problem("endpoint", "no URL"),)), CheckStatus.FAILURE, "no URL"),
    ],
)
async def test_only_a_refusal_is_a_denial(answer, status, words):
    finding, _ = await look(LOCK, answer)
    assert (finding.name, finding.status) == ("ec2:LockSnapshot in eu-west-1", status)
    assert words in finding.what


async def test_nothing_is_carried_out():
    _, made = await look(LOCK, None)
    assert made == [("LockSnapshot", {"SnapshotId": "snap-1", "DryRun": True}, "eu-west-1", "ec2")]
    finding, made = await look(READ, None)  # Systems Manager has no dry runs
    assert made == [("GetParameter", {"Name": "/web"}, "eu-west-1", "ssm")]
    assert "whether it may be set is not known" in finding.what
