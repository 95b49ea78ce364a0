"""The seal: CompleteSnapshot with count and LINEAR checksum, then the wait for EC2's ``completed``.

CompleteSnapshot validates nothing at once (it answers 202 to a wrong checksum too); only EC2's
state shows it, within seconds to minutes. So a snapshot is done when EC2 reports ``completed``.
"""

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.snapshots import SHOWN_WITHIN_S, Snapshots
from bulkput.jobs.upload.encryption import require_all_blocks
from bulkput.jobs.upload.manifest import keep_manifest
from bulkput.jobs.upload.own_size import require_full_size
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.header import LedgerPhase
from bulkput.model.duration import format_duration
from bulkput.model.errors import AnswerError, IntegrityError, SnapshotError, TemporaryError
from bulkput.model.progress import Phase

_FIRST_POLL_S = 0.2
_POLL_GROWTH = 1.6
_SLOWEST_POLL_S = 5.0
"""EC2 needs from seconds to minutes; coldsnap polls every 2 s. Twelve calls a minute disturb no
quota, and the end is noticed within 5 s."""

_GONE_AFTER_POLLS = 3
"""So often in a row unknown to EC2, which knew it before or had the time to: deleted. One stale
answer is nothing to give a sealed snapshot up for."""


async def seal(run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext) -> None:
    """Seal the snapshot and, if that is wanted, wait until it is completed; keep its manifest.

    Raises:
        IntegrityError: a block may be in the snapshot without an acknowledged digest.
        SnapshotError: it ended in ``error``, or is encrypted and lacks blocks of zeros.
        BulkputError: the service or the disk refused.
    """
    context, volume, ledger = run.context, run.volume, place.ledger
    run.enter(Phase.SEALING)
    try:
        run.linear = await context.workers.run(ledger.linear)
    except IntegrityError:
        run.note_phase(ledger, LedgerPhase.UPLOADING)  # a later run puts what the ledger has lost
        raise
    try:
        await complete(upload_snapshot.snapshot_id, *run.linear, run.snapshots)
    except SnapshotError:
        run.note_phase(ledger, LedgerPhase.FAILED)
        raise
    run.status = "pending"
    if not volume.snapshot.wait:
        return
    run.enter(Phase.WAITING)
    limit_s = context.settings.tuning.completion_deadline_s
    try:
        live = await wait_until_completed(upload_snapshot.snapshot_id, limit_s, run.snapshots)
        require_all_blocks(ledger.header, live)
    except SnapshotError:
        run.note_phase(ledger, LedgerPhase.FAILED)
        raise
    # Before the ledger records that all is done: after a crash in between, the next run writes it.
    kept = await keep_manifest(place)
    run.manifest = kept.path
    try:
        await require_full_size(place, live, kept.present_count)
    except AnswerError:
        run.drop_manifest(kept.path)  # what it says, EC2 contradicts
        raise
    run.note_phase(ledger, LedgerPhase.COMPLETED)
    run.status = "completed"


async def complete(snapshot_id: str, count: int, checksum: str, snapshots: Snapshots) -> None:
    """Send CompleteSnapshot until it is accepted; repeating it is harmless.

    An answer with the status ``error`` is not trusted by itself: EC2 is asked.

    Args:
        snapshot_id: The snapshot.
        count: Distinct blocks put into it.
        checksum: Base64 LINEAR checksum over their digests.
        snapshots: The account's.

    Raises:
        SnapshotError: it has ended in ``error``.
        AnswerError: the answer has that status, and EC2 reports another.
        ServiceError: it was refused for good.
    """
    if await snapshots.complete(snapshot_id, count, checksum) != "error":
        return
    found = await snapshots.describe(snapshot_id)
    if found is not None and found.state == "error":
        raise _ended_in_error(found, snapshot_id)
    state = "nothing of it" if found is None else found.state
    what = f"its Status is error, and EC2 says {state}. Running the same command again asks again"
    raise AnswerError("CompleteSnapshot", what, snapshot_id=snapshot_id)


def _ended_in_error(found: SnapshotState, snapshot_id: str) -> SnapshotError:
    why = found.state_message or "EC2 gives no reason"
    return SnapshotError(snapshot_id, f"ended in error: {why}. Running again makes a new snapshot")


async def wait_until_completed(
    snapshot_id: str, limit_s: float, snapshots: Snapshots
) -> SnapshotState:
    """Poll EC2 until the snapshot is ``completed``, and return what it reports then.

    Raises:
        SnapshotError: it ended in ``error``, with EC2's StateMessage, or vanished.
        TemporaryError: it is still pending after ``limit_s``.
    """
    started_s = snapshots.clock.monotonic_s()
    poll_s = _FIRST_POLL_S
    was_shown, unknown_polls = False, 0
    while True:
        found = await snapshots.describe(snapshot_id)
        now_s = snapshots.clock.monotonic_s()
        was_shown = was_shown or found is not None
        unknown_polls = unknown_polls + 1 if found is None else 0
        is_overdue = now_s - snapshots.retrier.snapshot_started_s > SHOWN_WITHIN_S
        if unknown_polls >= _GONE_AFTER_POLLS and (was_shown or is_overdue):
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
        await snapshots.clock.sleep(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _SLOWEST_POLL_S)
