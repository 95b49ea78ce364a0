"""How a run begins, by the ledger found and by what EC2 reports: the whole table."""

from dataclasses import replace

import pytest
from support.ledgers import make_header

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.upload.resume_decision import ResumeAction, decide_resume
from bulkput.ledger.header import LedgerPhase
from bulkput.model.zeros import ZeroPolicy

SNAPSHOT_ID = "snap-0aaaaaaaaaaaaaaaa"
PARENT_ID = "snap-0bbbbbbbbbbbbbbbb"
STARTING, UPLOADING, SEALING, COMPLETED, FAILED = LedgerPhase
START, REPLAY = ResumeAction.START, ResumeAction.REPLAY
RESUME, WAIT, REPORT = ResumeAction.RESUME, ResumeAction.WAIT, ResumeAction.REPORT_COMPLETED


def header(phase, **facts):
    snapshot_id = None if phase is STARTING else SNAPSHOT_ID
    return replace(make_header(100), snapshot_id=snapshot_id, phase=phase, **facts)


def live(state, *, encrypted=False):
    return SnapshotState(state, "Snapshot timed out", "0%", encrypted, None, 1.0, 1)


def decide(found, state, *, blocks=100, gib=1, wait=True, parent=None):
    return decide_resume(
        found,
        state,
        block_count=blocks,
        volume_size_gib=gib,
        wait=wait,
        parent_snapshot_id=parent,
    )


@pytest.mark.parametrize(
    ("phase", "state", "action", "note"),
    [
        (STARTING, None, REPLAY, ""),
        (UPLOADING, "pending", RESUME, "resuming"),
        (UPLOADING, "completed", START, "completed by someone else"),
        (UPLOADING, "error", START, "ended in error (Snapshot timed out)"),
        (UPLOADING, None, START, "does not exist any more"),
        (SEALING, "pending", WAIT, "waiting for it"),
        (SEALING, "completed", WAIT, "waiting for it"),
        (SEALING, "error", START, "ended in error"),
        (SEALING, None, START, "does not exist any more"),
        (COMPLETED, "completed", REPORT, "before it reported the result"),
        (COMPLETED, None, START, "does not exist any more"),
        (COMPLETED, "error", START, "ended in error"),
        (FAILED, "pending", START, ""),
        (FAILED, "completed", START, ""),
        (FAILED, None, START, ""),
    ],
)
def test_by_phase_and_state(phase, state, action, note):
    decision = decide(header(phase), None if state is None else live(state))
    assert decision.action is action
    assert note in decision.note
    assert bool(note) == bool(decision.note)
    assert decision.abandoned_snapshot_id is None


@pytest.mark.parametrize(
    ("phase", "delivered", "wait", "action"),
    [
        (COMPLETED, True, True, START),
        (COMPLETED, True, False, START),
        (SEALING, True, False, START),
        (SEALING, True, True, WAIT),
        (SEALING, False, False, WAIT),
    ],
)
def test_what_was_delivered_is_over(phase, delivered, wait, action):
    state = live("completed" if phase is COMPLETED else "pending")
    assert decide(header(phase, delivered=delivered), state, wait=wait).action is action


@pytest.mark.parametrize(
    ("wanted", "replays"),
    [({}, True), ({"blocks": 101}, False), ({"gib": 2}, False), ({"parent": PARENT_ID}, False)],
)
def test_a_start_is_replayed_with_the_same_parameters_only(wanted, replays):
    assert decide(header(STARTING), None, **wanted).action is (REPLAY if replays else START)


@pytest.mark.parametrize("wanted", [{"blocks": 99}, {"gib": 2}])
def test_a_pending_snapshot_of_another_size_is_given_up(wanted):
    decision = decide(header(UPLOADING), live("pending"), **wanted)
    assert decision.action is START
    assert decision.abandoned_snapshot_id == SNAPSHOT_ID


@pytest.mark.parametrize("wanted", [{"blocks": 99}, {"gib": 2}])
def test_a_sealed_one_of_another_size_is_kept(wanted):
    decision = decide(header(SEALING), live("pending"), **wanted)
    assert (decision.action, decision.abandoned_snapshot_id) == (WAIT, None)


@pytest.mark.parametrize(
    ("phase", "known", "zeros", "action"),
    [
        (SEALING, False, ZeroPolicy.SKIP, START),
        (COMPLETED, False, ZeroPolicy.SKIP_HOLES, START),
        (SEALING, False, ZeroPolicy.WRITE, WAIT),
        (SEALING, True, ZeroPolicy.SKIP, WAIT),
        (UPLOADING, False, ZeroPolicy.SKIP, RESUME),  # what is left out can still be put
    ],
)
def test_zeros_left_out_of_what_turns_out_to_be_encrypted(phase, known, zeros, action):
    state = live("completed" if phase is COMPLETED else "pending", encrypted=True)
    assert decide(header(phase, encrypted=known, zero_policy=zeros), state).action is action
