"""A snapshot is read back and compared with what it should be: blocks in, differences out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.lanes.get_crew import gets_together
from bulkput.jobs.lanes.orders import CompareOrder
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.lanes.shared_references import share_references
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.difference import Difference
from bulkput.model.errors import IntegrityError
from bulkput.model.progress import Progress
from bulkput.model.size import format_size
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.comparing import Comparison, piece_blocks
from bulkput.pipeline.list_check import Expected
from bulkput.pipeline.readback import ReadbackParts, Sample, compare
from bulkput.pipeline.reference import Reference
from bulkput.pipeline.retry import Retrier

_SHOWN_MAX = 10
"""Ranges that an error's sentence names; `bulkput verify` lists all."""


@dataclass
class Findings:
    """Counts what a comparison finds, and keeps the first ranges."""

    range_count: int = 0
    block_count: int = 0
    first: tuple[Difference, ...] = ()
    references: set[str] = field(default_factory=set)
    """From which of them something differs."""

    def take(self, difference: Difference) -> None:
        """Note one differing range."""
        self.range_count += 1
        self.references.add(difference.reference)
        self.block_count += difference.stop - difference.start
        if len(self.first) < _SHOWN_MAX:
            self.first += (difference,)

    def error(self, snapshot_id: str, compared_with: str) -> IntegrityError:
        """Return the error of a comparison that found something."""
        shown = "; ".join(each.words for each in self.first)
        rest = self.range_count - len(self.first)
        more = f"; and {rest} more ranges" if rest else ""
        what = f"{snapshot_id} differs from {compared_with} in {self.block_count} blocks"
        return IntegrityError(f"{what}: {shown}{more}")


@dataclass(frozen=True)
class CompareRequest:
    """What a snapshot is compared with, and how."""

    references: tuple[Reference, ...]
    on_difference: Callable[[Difference], None]
    """Called for each differing range."""
    memory_budget_bytes: int
    """For blocks of the snapshot, in all processes."""
    sample: Sample | None = None
    """None: all."""
    lanes: LanePool | None = None
    """Other processes that get and compare pieces; what differs is put together here."""


async def compare_snapshot(
    gets: SnapshotReader,
    retrier: Retrier,
    request: CompareRequest,
    progress: Progress,
    *,
    live: SnapshotState | None,
) -> int:
    """Compare all blocks or a sample of what ``progress`` is of; return how many were compared.

    The whole list is read first: a block that only the list has lost is not lost in the snapshot.

    Args:
        gets: The service.
        retrier: Of the lists and the gets of this process.
        request: What is compared.
        progress: Of the volume.
        live: What EC2 reports of the snapshot; None if it may not be asked.

    Raises:
        AnswerError: the list of the snapshot's blocks cannot be true; nothing was compared.
        BulkputError: something could not be read.
    """
    label, snapshot_id = progress.volume, progress.snapshot_id
    assert snapshot_id is not None  # noqa: S101 - it is completed
    expected = gets.expected(snapshot_id, live, label)
    listed = await gets.listed(snapshot_id, retrier, label, expected)
    same_list = Expected(expected.volume_size_gib, (("the list that was read before", listed),))
    memory_bytes = request.memory_budget_bytes
    get = gets.path(snapshot_id, retrier, progress, memory_budget_bytes=memory_bytes)
    here = Comparison(request.references, get, gets.workers, ByteBudget(memory_bytes))
    parts = ReadbackParts(
        references=request.references,
        list_pages=lambda: gets.pages(snapshot_id, retrier, label, same_list),
        differences=here.differences,
        workers=gets.workers,
        progress=progress,
        piece_blocks=piece_blocks(memory_bytes),
        on_difference=request.on_difference,
    )
    lanes, shared = request.lanes, share_references(request.references)
    if lanes is None or shared is None:
        return await compare(parts, request.sample)
    order = CompareOrder(label, snapshot_id, retrier.snapshot_started_s, shared[0])
    crew_parts = gets_together(gets, get, progress, order, shared[1], budget=here.budget)
    to_get = listed.block_count
    if request.sample is not None:
        to_get = min(request.sample.block_count, to_get)
    before = progress.gets.attempted
    with lanes.get_crew(
        crew_parts, here.differences, lambda: to_get + before - progress.gets.attempted
    ) as crew:
        spread = replace(
            parts,
            differences=lambda piece: crew.do(piece, max(1, len(piece.tokens))),
            piece_blocks=min(parts.piece_blocks, lanes.window_blocks),
        )
        return await crew.run(compare(spread, request.sample))


def sample_text(compared: int, sample: Sample) -> str:
    """Return what was compared, and how to compare the same again."""
    size = format_size(compared * BLOCK_SIZE_BYTES)
    return f"a random sample of {compared:,} blocks ({size}) was compared, with seed {sample.seed}"
