"""What finding or starting a snapshot works with, and the calls about it."""

from collections.abc import Callable
from dataclasses import dataclass

from bulkput.config.volume import VolumeSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.series import Series
from bulkput.model.block import volume_size_gib
from bulkput.model.progress import Progress
from bulkput.pipeline.retry import Retrier
from bulkput.source.source import Source


@dataclass(frozen=True)
class UploadContext:
    """One volume's; all of it is the caller's."""

    context: JobContext
    volume: VolumeSettings
    source: Source
    ledger: Ledger
    retrier: Retrier
    progress: Progress
    note: Callable[[str], None]
    """Tells the user."""
    series: Series | None = None
    """That the snapshot is the next of."""
    parent: Manifest | None = None
    """What the new blocks are compared with; None of a full snapshot."""
    unwritten_is_undefined: bool = False
    """As ``Opening`` says."""

    @property
    def volume_size_gib(self) -> int:
        """As wanted, or as the source needs; a child's is at least its parent's."""
        needed_gib = volume_size_gib(self.source.size_bytes)
        if self.parent is not None:
            needed_gib = max(needed_gib, self.parent.header.volume_size_gib)
        return self.volume.snapshot.volume_size_gib or needed_gib

    @property
    def block_count(self) -> int:
        """Blocks to consider: what the parent has behind the source's end must become zeros."""
        beyond = 0 if self.parent is None else self.parent.stop
        return max(self.source.block_count, beyond)

    @property
    def parent_snapshot_id(self) -> str | None:
        """Of the parent, if there is one."""
        return None if self.parent is None else self.parent.header.snapshot_id

    @property
    def snapshots(self) -> Snapshots:
        """EC2's calls about snapshots."""
        return self.context.snapshots(self.retrier, self.volume.label)

    async def describe_new(self, snapshot_id: str, age_s: float) -> SnapshotState | None:
        """Return what EC2 says of one that was started ``age_s`` ago; None if it is gone."""
        return await self.snapshots.describe_new(
            snapshot_id,
            age_s,
            lambda: self.note(f"EC2 does not know {snapshot_id} yet: asking again for a while"),
        )

    async def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot; one that is gone is no error."""
        await self.snapshots.delete(snapshot_id)
