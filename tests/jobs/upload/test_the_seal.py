"""How the wait for a sealed snapshot ends, by EC2's answers one after the other: the table."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.snapshots import SHOWN_WITHIN_S
from bulkput.jobs.upload.complete_snapshot import complete, wait_until_completed
from bulkput.model.errors import AnswerError, SnapshotError, TemporaryError

ID = "snap-0aaaaaaaaaaaaaaaa"


@dataclass
class Clock:
    now_s: float = 1000.0

    def monotonic_s(self):
        return self.now_s

    async def sleep(self, delay_s):
        self.now_s += delay_s


@dataclass
class Snapshots:
    """EC2 that says one thing after the other, the last again and again."""

    answers: list
    status: str = "pending"
    age_s: float = 0.0
    clock: Clock = field(default_factory=Clock)
    asked: int = 0
    sealed: tuple = ()

    @property
    def retrier(self):
        return SimpleNamespace(snapshot_started_s=1000.0 - self.age_s)

    async def describe(self, snapshot_id):
        assert snapshot_id == ID
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer is None:
            return None
        state, _, message = answer.partition(": ")
        return SnapshotState(state, message or None, "99%", False, None, 1.0, 1)

    async def complete(self, *given):
        self.sealed = given
        return self.status


OLD_S = 2 * SHOWN_WITHIN_S


@pytest.mark.parametrize(
    ("answers", "age_s", "error", "words"),
    [
        (["completed"], 0, None, ""),
        (["pending", "pending", "completed"], 0, None, ""),
        ([None, None, None, "pending", "completed"], 0, None, ""),  # it is shown late
        (["pending", None, None, "completed"], OLD_S, None, ""),  # two stale answers, late
        ([None, None, "completed"], OLD_S, None, ""),  # the same, in a later run
        (["pending", None, "pending", "completed"], 0, None, ""),  # one stale answer
        (["pending", None, None, None], 0, SnapshotError, "was deleted"),
        ([None], OLD_S, SnapshotError, "was deleted"),
        ([None], 0, SnapshotError, "was deleted"),
        (["error: Checksum mismatch for snapshot"], 0, SnapshotError, "Checksum mismatch"),
        (["pending", "error"], 0, SnapshotError, "EC2 gives no reason"),
        (["pending"], 0, TemporaryError, "EC2 still reports pending after 10m 00s"),
    ],
)
async def test_the_wait(answers, age_s, error, words):
    snapshots = Snapshots(answers, age_s=age_s)
    if error is None:
        assert (await wait_until_completed(ID, 600.0, snapshots)).state == "completed"
        assert snapshots.asked == len(answers)
        return
    with pytest.raises(error, match=words):
        await wait_until_completed(ID, 600.0, snapshots)
    assert snapshots.clock.now_s < 1000.0 + 610.0


@pytest.mark.parametrize(
    ("status", "answers", "error"),
    [
        ("pending", ["error"], None),  # EC2 is asked later, by the wait
        ("completed", ["pending"], None),
        ("error", ["error: Snapshot timed out"], SnapshotError),
        ("error", ["pending"], AnswerError),
        ("error", [None], AnswerError),
    ],
)
async def test_the_answer_to_complete_snapshot(status, answers, error):
    snapshots = Snapshots(answers, status=status)
    if error is None:
        await complete(ID, 3, "sum=", snapshots)
    else:
        with pytest.raises(error):
            await complete(ID, 3, "sum=", snapshots)
    assert snapshots.sealed == (ID, 3, "sum=")
