"""How many blocks EC2 reports for a snapshot just completed, compared with what was put.

What was put comes from the ledger and the parent's manifest, and the service has confirmed it with
the seal; EC2's figure is a second opinion that owes nothing to either.
"""

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.full_size import held_blocks, is_measured
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.model.errors import AnswerError

_ASKED_FOR_S = 20.0
"""Both sides of the service lag behind each other by up to a minute; of this figure no lag was
seen, in 11 snapshots, so it is waited for less long."""

_POLL_S = 2.0


async def require_full_size(place: UploadContext, live: SnapshotState, block_count: int) -> None:
    """Return if EC2 reports as many blocks for the snapshot, or none at all.

    Args:
        place: Of the snapshot in the ledger.
        live: What EC2 reported when it was completed.
        block_count: What was put, laid over what the parent shows.

    Raises:
        AnswerError: it holds more, or fewer.
        BulkputError: there is no answer.
    """
    header, clock = place.ledger.header, place.context.clock
    assert header.snapshot_id is not None  # noqa: S101 - it is completed
    found: SnapshotState | None = live
    end_s = clock.monotonic_s() + _ASKED_FOR_S
    while (held := held_blocks(found)) not in {None, block_count}:
        if clock.monotonic_s() >= end_s:
            break
        await clock.sleep(_POLL_S)
        found = await place.snapshots.describe(header.snapshot_id)
    if held is None or held == block_count:
        return
    what = (
        f"{held:,} blocks by its FullSnapshotSizeInBytes, and {block_count:,} were put or are "
        "shown by the parent"
    )
    if not (is_measured(live) and await _parent_is_measured(place)):
        place.note(f"EC2 says that {header.snapshot_id} holds {what}: `bulkput verify` compares it")
        return
    advice = "Compare the snapshot with its source: bulkput verify"
    raise AnswerError("DescribeSnapshots", f"{what}. {advice}", snapshot_id=header.snapshot_id)


async def _parent_is_measured(place: UploadContext) -> bool:
    """Return whether EC2's figure of the parent is what is known of it; there may be none."""
    if place.parent is None:
        return True
    found = await place.snapshots.describe(place.parent.header.snapshot_id)
    return is_measured(found) and held_blocks(found) == place.parent.present_count
