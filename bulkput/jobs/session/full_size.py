"""EC2's FullSnapshotSizeInBytes, compared with what else shows how many blocks a snapshot has.

It was 524288 for each block in every snapshot of the EBS direct APIs that was looked at; those of
volumes were never measured, so there a difference is only reported.
"""

from collections.abc import Callable

from bulkput.ebs.snapshot import SnapshotState
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import AnswerError

Note = Callable[[str], None]
"""Warns the user."""


def held_blocks(live: SnapshotState | None) -> int | None:
    """Return how many blocks EC2 reports for the snapshot; None if it reports none."""
    if live is None or live.full_size_bytes is None:
        return None
    return live.full_size_bytes // BLOCK_SIZE_BYTES


def is_measured(live: SnapshotState | None) -> bool:
    """Return whether it is known what the size means: of snapshots that no volume was made into."""
    return held_blocks(live) is not None and live is not None and live.volume_id is None


def count_check(snapshot_id: str, live: SnapshotState | None, note: Note) -> Callable[[int], None]:
    """Return what compares the number of listed blocks with EC2's.

    Args:
        snapshot_id: Which snapshot.
        live: What EC2 reports of it; None if it could not be asked.
        note: Warns, where the size was never measured.
    """

    def check(listed: int) -> None:
        held = held_blocks(live)
        if held is None or held == listed:
            return
        what = f"it has {listed:,} blocks, and EC2 says that the snapshot holds {held:,}"
        if is_measured(live):
            raise AnswerError("ListSnapshotBlocks", what, snapshot_id=snapshot_id)
        note(f"the list of {snapshot_id} may not be whole: {what}, by its FullSnapshotSizeInBytes")

    return check


def change_check(
    second_id: str, first: SnapshotState | None, second: SnapshotState | None
) -> Callable[[int, int], None]:
    """Return what compares the blocks that only one of two snapshots has with EC2's two sizes.

    Args:
        second_id: The newer one.
        first: What EC2 reports of the older one.
        second: And of the newer one.
    """

    def check(only_first: int, only_second: int) -> None:
        before, after = held_blocks(first), held_blocks(second)
        if before is None or after is None or not (is_measured(first) and is_measured(second)):
            return
        if only_second - only_first != after - before:
            what = (
                f"{only_second:,} blocks are new and {only_first:,} are gone by it, and EC2 says "
                f"that the snapshots hold {before:,} and {after:,} blocks"
            )
            raise AnswerError("ListChangedBlocks", what, snapshot_id=second_id)

    return check
