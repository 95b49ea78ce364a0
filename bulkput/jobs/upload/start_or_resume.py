"""Whether this run starts a snapshot or goes on with its own of an earlier run."""

from bulkput.jobs.upload.ledger import begin_attempt
from bulkput.jobs.upload.parent import LostParentError, parent_for_new, parent_of_resumed
from bulkput.jobs.upload.resume import take_up
from bulkput.jobs.upload.resume_decision import ResumeAction, decide_resume
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.jobs.upload.start_snapshot import start_snapshot


async def start_or_resume(place: UploadContext) -> tuple[UploadSnapshot, UploadContext]:
    """Return the snapshot to put this volume's blocks into; its table is open in the ledger.

    Returns:
        The snapshot, and the place with the parent that was found.

    Raises:
        BulkputError: of the ledger, the parent, the service, or the configuration.
    """
    header = place.ledger.header
    wait = place.volume.snapshot.wait
    live = None
    if header.snapshot_id is not None and not header.is_over(wait=wait):
        age_s = place.context.clock.unix_s() - header.created_unix_s
        live = await place.describe_new(header.snapshot_id, age_s)
    if live is not None:
        # A run that died at once may be resumed before puts find the snapshot.
        clock = place.context.clock
        age_s = max(0.0, clock.unix_s() - live.start_unix_s)
        place.retrier.snapshot_started_s = clock.monotonic_s() - age_s
    goes_on = live is not None and live.state != "error"
    try:
        place = place._replace(
            parent=await (parent_of_resumed if goes_on else parent_for_new)(place)
        )
    except LostParentError as lost:
        if place.series is None:
            raise
        place.note(f"{lost}. It is deleted")
        await place.snapshots.delete(lost.snapshot_id)
        live, goes_on = None, False
        place = place._replace(parent=await parent_for_new(place))
    decision = decide_resume(
        header,
        live,
        block_count=place.block_count,
        volume_size_gib=place.volume_size_gib,
        parent_snapshot_id=place.parent_snapshot_id,
        wait=wait,
    )
    # A completed snapshot is reported once it is known whether the source still holds it.
    if decision.note and decision.action is not ResumeAction.REPORT_COMPLETED:
        place.note(decision.note)
    if decision.abandoned_snapshot_id is not None:
        await place.snapshots.delete(decision.abandoned_snapshot_id)
    if decision.action is ResumeAction.START:
        if goes_on:
            place = place._replace(parent=await parent_for_new(place))
        begin_attempt(place)
    if decision.action in {ResumeAction.START, ResumeAction.REPLAY}:
        upload_snapshot = await start_snapshot(place)
    else:
        only_wait = decision.action in {ResumeAction.WAIT, ResumeAction.REPORT_COMPLETED}
        upload_snapshot = take_up(place, live, only_wait=only_wait)
    return upload_snapshot, place


async def start_anew(place: UploadContext) -> tuple[UploadSnapshot, UploadContext]:
    """Start a new snapshot; the ledger's, which an earlier run sealed, is kept and remembered.

    Raises:
        BulkputError: as ``start_or_resume``.
    """
    place = place._replace(parent=await parent_for_new(place))
    kept = place.ledger.header.snapshot_id
    begin_attempt(place, kept=() if kept is None else (kept,))
    return await start_snapshot(place), place
