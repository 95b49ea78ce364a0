"""A snapshot is read back and compared with what it should be: blocks in, differences out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.difference import Difference
from bulkput.model.errors import IntegrityError
from bulkput.model.progress import Progress
from bulkput.model.size import format_size
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


async def compare_snapshot(
    gets: SnapshotReader,
    retrier: Retrier,
    references: tuple[Reference, ...],
    progress: Progress,
    *,
    live: SnapshotState | None,
    memory_budget_bytes: int,
    on_difference: Callable[[Difference], None],
    sample: Sample | None = None,
) -> int:
    """Compare all blocks or a sample of what ``progress`` is of; return how many were compared.

    The whole list is read first: a block that only the list has lost is not lost in the snapshot.

    Raises:
        AnswerError: the list of the snapshot's blocks cannot be true; nothing was compared.
        BulkputError: something could not be read.
    """
    label, snapshot_id = progress.volume, progress.snapshot_id
    assert snapshot_id is not None  # noqa: S101 - it is completed
    expected = gets.expected(snapshot_id, live, label)
    listed = await gets.listed(snapshot_id, retrier, label, expected)
    same_list = Expected(expected.volume_size_gib, (("the list that was read before", listed),))
    held_blocks_max = gets.held_blocks_max(memory_budget_bytes)
    if any(reference.is_sequential for reference in references):
        held_blocks_max = 1  # one piece after the other
    parts = ReadbackParts(
        references=references,
        list_pages=lambda: gets.pages(snapshot_id, retrier, label, same_list),
        get=gets.path(snapshot_id, retrier, progress, memory_budget_bytes=memory_budget_bytes),
        workers=gets.workers,
        progress=progress,
        held_blocks_max=held_blocks_max,
        on_difference=on_difference,
    )
    return await compare(parts, sample)


def sample_text(compared: int, sample: Sample) -> str:
    """Return what was compared, and how to compare the same again."""
    size = format_size(compared * BLOCK_SIZE_BYTES)
    return f"a random sample of {compared:,} blocks ({size}) was compared, with seed {sample.seed}"
