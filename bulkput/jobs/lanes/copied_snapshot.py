"""The snapshot that a volume is a copy of: as lanes get it, and as their job lists it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bulkput.jobs.lanes.orders import SharedManifest, SharedSnapshot
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import Extent
from bulkput.model.runs import runs
from bulkput.pipeline.baseline import Unchanged, nothing_is_known
from bulkput.planning.spans import Span

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity, TokenSource


@dataclass(frozen=True)
class CopiedSnapshot:
    """What the gets of a copy are spread by; all of it is the copy's."""

    identity: "SnapshotIdentity"
    tokens: "TokenSource"
    calls: PacedCalls
    started_s: float
    """As the retry layer of its gets has it."""
    manifest: Manifest | None
    """What is got must agree with it."""
    unchanged: Unchanged = nothing_is_known
    """What its list shows to be as in the parent of the copy."""

    def shared(self, block_count: int) -> SharedSnapshot:
        """Return the snapshot for a lane's order.

        Args:
            block_count: Of the copy; what the snapshot lacks of it is a hole.
        """
        manifest = self.manifest
        return SharedSnapshot(
            identity=self.identity,
            started_s=self.started_s,
            manifest=None if manifest is None else SharedManifest(manifest.path, manifest.header),
            block_count=block_count,
            knows_unchanged=self.unchanged is not nothing_is_known,
        )

    def unchanged_in(self, spans: Sequence[Span]) -> tuple[Extent, ...]:
        """Return which blocks of ``spans`` are known to be the parent's."""
        if self.unchanged is nothing_is_known:
            return ()
        return tuple(
            run for span in spans for run in runs(self.unchanged(span.start, span.stop), span.start)
        )
