"""The seal: CompleteSnapshot with count and LINEAR checksum, then the wait for EC2's word.

CompleteSnapshot validates nothing at once (it answers 202 to a wrong checksum too); only EC2's
state tells, within seconds to minutes. So a snapshot is done when EC2 says ``completed``.
"""

from dataclasses import dataclass
from functools import partial

from bulkput.ebs.control_plane import ControlPlane
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.snapshots import SHOWN_WITHIN_S
from bulkput.model.clock import Clock
from bulkput.model.duration import format_duration
from bulkput.model.errors import AnswerError, SnapshotError, TemporaryError
from bulkput.pipeline.retry import OnRetry, Retrier

_FIRST_POLL_S = 0.2
_POLL_GROWTH = 1.6
_SLOWEST_POLL_S = 5.0
"""EC2 needs from seconds to minutes; coldsnap polls every 2 s. Twelve calls a minute disturb no
quota, and the end is noticed within 5 s."""

_GONE_AFTER_POLLS = 3
"""So often in a row unknown to EC2, which knew it before: deleted, not one stale answer."""


@dataclass(frozen=True)
class Sealing:
    """What sealing needs; all of it is the caller's."""

    control: ControlPlane
    retrier: Retrier
    clock: Clock
    on_retry: OnRetry


async def complete(snapshot_id: str, count: int, checksum: str, sealing: Sealing) -> None:
    """Send CompleteSnapshot until it is accepted; repeating it is harmless.

    An answer that says ``error`` is no word to go by: EC2 is asked.

    Args:
        snapshot_id: The snapshot.
        count: Distinct blocks put into it.
        checksum: Base64 LINEAR checksum over their digests.
        sealing: Where and how.

    Raises:
        SnapshotError: it has ended in ``error``.
        AnswerError: the answer says so, and EC2 does not.
        ServiceError: it was refused for good.
    """
    call = partial(sealing.control.complete_snapshot, snapshot_id, count, checksum)
    if await sealing.retrier.run(call, sealing.on_retry) != "error":
        return
    found = await _described(snapshot_id, sealing)
    if found is not None and found.state == "error":
        raise _ended_in_error(found, snapshot_id)
    state = "nothing of it" if found is None else found.state
    what = f"its Status is error, and EC2 says {state}. Running the same command again asks again"
    raise AnswerError("CompleteSnapshot", what, snapshot_id=snapshot_id)


async def _described(snapshot_id: str, sealing: Sealing) -> SnapshotState | None:
    call = partial(sealing.control.describe_snapshot, snapshot_id)
    return await sealing.retrier.run(call, sealing.on_retry)


def _ended_in_error(found: SnapshotState, snapshot_id: str) -> SnapshotError:
    why = found.state_message or "EC2 gives no reason"
    return SnapshotError(snapshot_id, f"ended in error: {why}. Running again makes a new snapshot")


async def wait_until_completed(snapshot_id: str, limit_s: float, sealing: Sealing) -> SnapshotState:
    """Poll EC2 until the snapshot is ``completed``, and return what it says then.

    Raises:
        SnapshotError: it ended in ``error``, with EC2's StateMessage, or vanished.
        TemporaryError: it is still pending after ``limit_s``.
    """
    started_s = sealing.clock.monotonic_s()
    poll_s = _FIRST_POLL_S
    was_shown, unknown_polls = False, 0
    while True:
        found = await _described(snapshot_id, sealing)
        now_s = sealing.clock.monotonic_s()
        was_shown = was_shown or found is not None
        unknown_polls = unknown_polls + 1 if found is None else 0
        is_overdue = now_s - sealing.retrier.snapshot_started_s > SHOWN_WITHIN_S
        is_gone = was_shown and unknown_polls >= _GONE_AFTER_POLLS
        if found is None and (is_overdue or is_gone):
            raise SnapshotError(snapshot_id, "EC2 does not know it any more: it was deleted")
        if found is not None and found.state == "completed":
            return found
        state = "nothing of it" if found is None else found.state
        if found is not None and state == "error":
            raise _ended_in_error(found, snapshot_id)
        if now_s - started_s > limit_s:
            raise TemporaryError(
                f"{snapshot_id} is uploaded and sealed, but EC2 still reports {state} after "
                f"{format_duration(limit_s)}; run the same command again to go on waiting"
            )
        await sealing.clock.sleep(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _SLOWEST_POLL_S)
