"""The blocks of one download on their way: brought by this process, and by lanes beside it."""

from dataclasses import dataclass, replace

from bulkput.jobs.lanes.get_crew import gets_together
from bulkput.jobs.lanes.orders import RestoreOrder, SharedManifest
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.ledger.manifest import Manifest
from bulkput.pipeline.block_writer import BlockWriter
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.restore import RestoreParts, restore
from bulkput.pipeline.retry import Retrier


@dataclass(frozen=True)
class Bringing:
    """What a download's blocks are brought with; all of it is the download's."""

    gets: SnapshotReader
    get: GetPath
    retrier: Retrier
    """Of ``get``."""
    manifest: Manifest | None
    """What is got must agree with it."""
    parts: RestoreParts
    writer: BlockWriter
    """Of this process."""
    lanes: LanePool | None

    async def run(self) -> None:
        """Settle every block at the destination; nothing is flushed, and no lane is at work then.

        Raises:
            BulkputError: the first final failure.
        """
        parts, lanes = self.parts, self.lanes
        if lanes is None:
            await restore(parts)
            return
        crew_parts = gets_together(
            self.gets,
            self.get,
            parts.progress,
            self._order(),
            (parts.target.descriptor, parts.restoration.lock_descriptor),
            budget=self.writer.budget,
        )
        # What a lane that died had written may be there: a hole is not taken for granted.
        here = replace(self.writer, is_blank=False)
        with lanes.get_crew(crew_parts, here.write, self._left_blocks) as crew:
            together = replace(parts, write=lambda group: crew.do(group, len(group.blocks)))
            await crew.run(restore(together))

    def _left_blocks(self) -> int:
        return self.parts.target.block_count - self.parts.progress.blocks_restored

    def _order(self) -> RestoreOrder:
        parts, manifest = self.parts, self.manifest
        target, table = parts.target, parts.restoration.table
        return RestoreOrder(
            volume=parts.progress.volume,
            snapshot_id=self.get.snapshot_id,
            snapshot_started_s=self.retrier.snapshot_started_s,
            path=target.path,
            kind=target.kind,
            length_bytes=target.length_bytes,
            table=table.path,
            block_count=table.block_count,
            manifest=None if manifest is None else SharedManifest(manifest.path, manifest.header),
        )
