"""What a volume's snapshot is for, once it is completed: copies, shares, a volume, and the like."""

from bulkput.jobs.publish.account import account_of
from bulkput.jobs.publish.missing_blocks import lacks_blocks
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.model.progress import Phase
from bulkput.publish.account import settling_until_s
from bulkput.publish.snapshot import publish_snapshot


async def publish(run: VolumeRun, snapshot_id: str) -> None:
    """Make of the completed snapshot what the volume asks for, and find what is made already."""
    run.enter(Phase.PUBLISHING)
    lacks_zeros = await lacks_blocks(run.context, snapshot_id)
    account = account_of(
        run.context,
        run.volume.label,
        run.retrier,
        run.note,
        settled_s=0.0 if run.earlier_run is None else settling_until_s(run.context.clock),
    )
    await publish_snapshot(account, snapshot_id, run.volume, run.published, lacks_zeros=lacks_zeros)
