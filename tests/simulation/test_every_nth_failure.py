"""Each kind of call fails at its first, second, third ... time, until a run passes never_sent.

After every one of these runs the upload is resumed without the failure, and everything that must
hold is checked. Then the same for death: at every single thing that happens.
"""

import errno

import pytest
from simulation.disk import PATH
from simulation.scripted import Scripted
from simulation.weather import ATTEMPT_DEADLINE_S, Fault

from bulkput.model.errors import SourceError
from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass

FEW, MANY = 2, 60
"""Bounds of how often a kind of call is made: fewer means that nothing was tried."""

LOCAL = {
    "a read": ("read", lambda: SourceError(PATH, "cannot be read"), ExitCode.SOURCE),
    "a write of the ledger": ("ledger write", lambda: OSError(errno.EIO, "EIO"), None),
    "a write to a full disk": ("ledger write", lambda: OSError(errno.ENOSPC, "ENOSPC"), None),
    "a flush": ("ledger flush", lambda: OSError(errno.EIO, "EIO"), None),
    "a rename": ("ledger rename", lambda: OSError(errno.EIO, "EIO"), None),
}

SURVIVED = {
    "connecting": Fault(FailureClass.TRANSIENT),
    "sending": Fault(FailureClass.TRANSIENT, after_s=12.0),
    "the response": Fault(FailureClass.TRANSIENT, is_done=True, after_s=0.5),
    "the response, for long": Fault(
        FailureClass.TRANSIENT, is_done=True, after_s=ATTEMPT_DEADLINE_S
    ),
    "the snapshot's rate": Fault(FailureClass.THROTTLED_SNAPSHOT),
    "the account's rate": Fault(FailureClass.THROTTLED_ACCOUNT),
    "the session token": Fault(FailureClass.SIGNATURE),
}

FINAL = {
    "signing": Fault(None),
    "a permission": Fault(FailureClass.ACCESS_DENIED),
    "the request": Fault(FailureClass.INVALID),
    "the key": Fault(FailureClass.KEY_UNUSABLE),
    "a quota": Fault(FailureClass.QUOTA),
}

CALLS = ("put", "StartSnapshot", "CompleteSnapshot", "DescribeSnapshots")


def trials(tmp_path):
    """Yield fresh uploads, numbered from 1; the caller leaves when one passes never_sent."""
    for number in range(1, MANY):
        folder = tmp_path / str(number)
        folder.mkdir()
        yield number, Scripted(folder)
    pytest.fail(f"no run of {MANY} passed never_sent")


@pytest.mark.parametrize(("what", "error", "code"), LOCAL.values(), ids=LOCAL)
def test_the_disk_fails_at_every_nth_time(what, error, code, tmp_path):
    for number, upload in trials(tmp_path):
        ended = upload.go(faults={(what, number): error()})
        if upload.machine.faults:
            break
        assert ended == code if code is not None else ended in {0, 3, 5}
        if ended != 0:
            upload.go_until_done()
    assert number > FEW
    assert ended == 0


@pytest.mark.parametrize("fault", SURVIVED.values(), ids=SURVIVED)
@pytest.mark.parametrize("call", CALLS)
def test_a_run_survives_what_passes_at_every_nth_call(call, fault, tmp_path):
    for number, upload in trials(tmp_path):
        ended = upload.go(weather={(call, number): fault})
        assert ended == 0, upload.outcomes[-1]
        if upload.line.calls[call] < number:
            break
    assert number > 1


@pytest.mark.parametrize("fault", FINAL.values(), ids=FINAL)
@pytest.mark.parametrize("call", CALLS)
def test_a_run_that_ends_at_every_nth_call_is_resumed_by_the_next(call, fault, tmp_path):
    for number, upload in trials(tmp_path):
        ended = upload.go(weather={(call, number): fault})
        if upload.line.calls[call] < number:
            break
        assert ended in {4, 7, 9}
        upload.go_until_done()
        assert len(upload.service.snapshots) == 1, "the same snapshot is gone on with"
    assert ended == 0
    assert number > 1


@pytest.mark.parametrize("how", ["kill -9", "power cut", "SIGTERM", "SIGTERM, then kill -9"])
def test_a_run_that_dies_at_every_single_moment_is_resumed_by_the_next(how, tmp_path):
    for moment in range(1, 400):
        folder = tmp_path / str(moment)
        folder.mkdir()
        upload = Scripted(folder)
        if how == "SIGTERM":
            ended = upload.go(stops_at=moment)
        elif how == "SIGTERM, then kill -9":
            ended = upload.go(stops_at=moment, dies_at=moment + 3)
        else:
            ended = upload.go(dies_at=moment, crashes=how == "power cut")
        if moment in upload.machine.events:  # it was over before
            break
        header = upload._header()
        if header is None or not header.delivered:
            upload.go_until_done()
        assert len(upload.service.snapshots) == 1, "what was not told is told, not sent again"
        states = [snapshot.state for snapshot in upload.service.snapshots.values()]
        assert set(states) == {"completed"}, "none is left behind pending"
    assert ended == 0
    assert moment > 60


@pytest.mark.parametrize("crashes", [False, True], ids=["kill -9", "power cut"])
def test_a_run_may_die_as_often_as_it_likes(crashes, tmp_path):
    """Each run gets a little further than the one before; nothing acknowledged is sent again."""
    upload = Scripted(tmp_path)
    moment = 10
    while upload.go(dies_at=moment, crashes=crashes) is None:
        moment += 1
    assert upload.run_number > 20
