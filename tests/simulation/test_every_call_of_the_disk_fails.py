"""Each call to the system that touches state fails at its first, second, third ... time.

Over an upload from its beginning, and over one that is resumed. After each the same command ends
with the right snapshot, and no failure is a defect (code 1). ``-m long`` tries every one.
"""

import errno
import os
import random

import pytest
from simulation.machine import CALLS
from simulation.scripted import Scripted

from bulkput.model.exit_code import ExitCode

CODES = {
    errno.ENOSPC: ExitCode.TEMPORARY,
    errno.EDQUOT: ExitCode.TEMPORARY,
    errno.EIO: ExitCode.CONFIGURATION,
    errno.EACCES: ExitCode.CONFIGURATION,
    errno.EROFS: ExitCode.CONFIGURATION,
    errno.EINTR: ExitCode.CONFIGURATION,
    errno.EMFILE: ExitCode.MACHINE,
}
"""Or 0, where the run can do without."""
WHATS = (*sorted(CALLS), "flock", "ledger write", "ledger flush", "ledger rename")
RESUMES_AT = 60
"""After how many things that happened the first run dies."""
SAMPLE = 6


def upload_in(folder, *, resumes):
    folder.mkdir()
    upload = Scripted(folder)
    if resumes:
        upload.go(dies_at=RESUMES_AT)
    return upload


def counted(folder, what, *, resumes):
    """Return how often a run without failures makes a call."""
    upload = upload_in(folder, resumes=resumes)
    assert upload.go() == 0
    return upload.machine.counts[what]


def fail(folder, what, number, code, *, resumes):
    upload = upload_in(folder, resumes=resumes)
    ended = upload.go(faults={(what, number): OSError(code, os.strerror(code))})
    assert not upload.machine.faults, "it was not reached"
    assert ended in {0, CODES[code]}, (what, number, upload.outcomes[-1])
    if ended:
        assert upload.outcomes[-1].error
        upload.go_until_done()
    states = [snapshot.state for snapshot in upload.service.snapshots.values()]
    assert states == ["completed"], (what, number, states)


@pytest.mark.parametrize("resumes", [False, True], ids=["upload", "resume"])
@pytest.mark.parametrize("what", WHATS)
def test_some_calls_fail_in_some_way(what, resumes, tmp_path):
    rng = random.Random(f"{what}/{resumes}")
    count = counted(tmp_path / "0", what, resumes=resumes)
    for number in sorted(rng.sample(range(1, count + 1), min(SAMPLE, count))):
        code = rng.choice(list(CODES))
        fail(tmp_path / str(number), what, number, code, resumes=resumes)


@pytest.mark.long
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("resumes", [False, True], ids=["upload", "resume"])
@pytest.mark.parametrize("what", WHATS)
def test_every_call_fails_in_every_way(what, resumes, code, tmp_path):
    for number in range(1, counted(tmp_path / "0", what, resumes=resumes) + 1):
        fail(tmp_path / str(number), what, number, code, resumes=resumes)


def test_every_kind_of_call_is_made(tmp_path):
    upload = upload_in(tmp_path / "0", resumes=False)
    upload.go(dies_at=RESUMES_AT)
    made = set(upload.machine.counts)
    upload.go_until_done()
    assert set(WHATS) - made - set(upload.machine.counts) == set()
