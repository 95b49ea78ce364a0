"""The snapshot of one volume, and what it is found or started with."""

from collections.abc import Callable
from typing import NamedTuple

from bulkput.config.volume import VolumeSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.jobs.upload import rules
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.series import Series
from bulkput.model.progress import Progress
from bulkput.pipeline.retry import Retrier
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.source import Source


class UploadSnapshot(NamedTuple):
    """A snapshot that takes puts, or that is only to be waited for."""

    snapshot_id: str
    zeros: ResolvedZeros
    trust: bool
    """The source is what it was, so blocks that the ledger vouches for need not be read."""
    only_wait: bool = False
    is_completed: bool = False
    """There is not even a wait left."""
    puts_all: bool = False
    """The snapshot may hold blocks of an unknown run: none is taken for the parent's."""


class UploadContext(NamedTuple):
    """One volume's; all of it is the caller's."""

    context: JobContext
    volume: VolumeSettings
    source: Source
    ledger: Ledger
    retrier: Retrier
    progress: Progress
    note: Callable[[str], None]
    """Reports to the user."""
    series: Series | None = None
    """That the snapshot is the next of."""
    parent: Manifest | None = None
    """What the new blocks are compared with; None of a full snapshot."""
    unwritten_is_undefined: bool = False
    """As ``Opening`` says."""

    @property
    def volume_size_gib(self) -> int:
        """As wanted, or as the source needs; a child's is at least its parent's."""
        parent_gib = 0 if self.parent is None else self.parent.header.volume_size_gib
        return rules.volume_size_gib(self.volume, self.source.size_bytes, parent_gib)

    @property
    def block_count(self) -> int:
        """Blocks to consider: what the parent has behind the source's end must become zeros."""
        parent_stop = 0 if self.parent is None else self.parent.stop
        return rules.blocks_to_consider(self.source.block_count, parent_stop)

    @property
    def parent_snapshot_id(self) -> str | None:
        """Of the parent, if there is one."""
        return None if self.parent is None else self.parent.header.snapshot_id

    @property
    def snapshots(self) -> Snapshots:
        """EC2's calls about snapshots."""
        return self.context.snapshots(self.retrier, self.volume.label)

    async def describe_new(self, snapshot_id: str, age_s: float) -> SnapshotState | None:
        """Return what EC2 reports of one that was started ``age_s`` ago; None if it is gone."""
        return await self.snapshots.describe_new(
            snapshot_id,
            age_s,
            lambda: self.note(f"EC2 does not know {snapshot_id} yet: asking again for a while"),
        )
