"""``bulkput diff``: the blocks in which two snapshots of one lineage differ, by ListChangedBlocks.

The service lists what was written, not what it means: a block that was written again with the same
bytes is listed too.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from bulkput.config.service import ServiceSettings
from bulkput.jobs.session.connection import state_dir_of
from bulkput.jobs.session.full_size import change_check
from bulkput.jobs.session.open import open_snapshot_reader
from bulkput.jobs.session.snapshots import require_snapshot_id
from bulkput.jobs.state.manifest_at_hand import find_manifest, require_changes
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.events import Observer
from bulkput.pipeline.list_check import ListedBlocks
from bulkput.pipeline.listing import ChangedBlock

BOTH = "both"
FIRST = "first"
SECOND = "second"
"""Which of the two snapshots has a block that is not the same in both."""


class ChangedRange(NamedTuple):
    """Blocks ``start`` to ``stop`` (excluded) that one or both snapshots have."""

    start: int
    stop: int
    present_in: str


@dataclass
class Comparison:
    """What two snapshots differ in, counted."""

    first_id: str
    second_id: str
    elapsed_s: float = 0.0
    range_count: int = 0
    blocks: dict[str, int] = field(default_factory=lambda: {BOTH: 0, FIRST: 0, SECOND: 0})

    @property
    def block_count(self) -> int:
        """All blocks that differ."""
        return sum(self.blocks.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object, without its list of ranges."""
        return {
            "status": "compared",
            "first_snapshot_id": self.first_id,
            "second_snapshot_id": self.second_id,
            "blocks": {"total": self.block_count, **self.blocks},
            "bytes": self.block_count * BLOCK_SIZE_BYTES,
            "elapsed_s": round(self.elapsed_s, 3),
            "error": None,
            "exit_code": 0,
        }


async def compare_snapshots(
    settings: ServiceSettings,
    first_id: str,
    second_id: str,
    observer: Observer,
    on_ranges: Callable[[list[ChangedRange]], None],
) -> Comparison:
    """List what differs, and report the ranges of each page in ascending order as they come.

    Raises:
        AnswerError: the list cannot be true.
        BulkputError: there is no list.
    """
    require_snapshot_id(first_id, "A")
    require_snapshot_id(second_id, "B")
    found = Comparison(first_id, second_id)
    async with open_snapshot_reader(settings, observer) as gets:
        started_s = gets.clock.monotonic_s()
        retrier = gets.new_retrier()
        first, second = [
            await gets.snapshots(retrier, snapshot_id).describe_completed(snapshot_id)
            for snapshot_id in (first_id, second_id)
        ]
        runs = _Runs(found)
        listed = ListedBlocks(0)

        def take(items: tuple[ChangedBlock, ...]) -> None:
            listed.add([block.index for block in items])
            on_ranges(runs.take(items))

        await gets.read_changes(
            first_id,
            second_id,
            retrier,
            second_id,
            take=take,
            check=change_check(second_id, first, second),
        )
        await gets.workers.run(partial(_hold, settings, gets.service.region, found, listed))
        on_ranges(runs.rest())
        found.elapsed_s = gets.clock.monotonic_s() - started_s
    return found


def _hold(settings: ServiceSettings, region: str, found: Comparison, listed: ListedBlocks) -> None:
    """Hold the list against the manifests of both, where they are at hand. Blocks."""
    with ExitStack() as stack:
        manifests = []
        for snapshot_id in (found.first_id, found.second_id):
            manifest = find_manifest(
                state_dir_of(settings), snapshot_id, region=region, endpoint=settings.endpoint
            )
            if manifest is not None:
                stack.callback(manifest.close)
            manifests.append(manifest)
        require_changes(manifests[0], manifests[1], listed)


class _Runs:
    """Joins blocks to ranges, across pages."""

    def __init__(self, found: Comparison) -> None:
        self._found = found
        self._open: ChangedRange | None = None

    def take(self, blocks: tuple[ChangedBlock, ...]) -> list[ChangedRange]:
        """Return the ranges that end within ``blocks``."""
        ended = []
        for block in blocks:
            present_in = _present_in(block)
            self._found.blocks[present_in] += 1
            run = self._open
            if run is not None and (run.stop, run.present_in) == (block.index, present_in):
                self._open = run._replace(stop=block.index + 1)
                continue
            if run is not None:
                ended.append(run)
            self._open = ChangedRange(block.index, block.index + 1, present_in)
        self._found.range_count += len(ended)
        return ended

    def rest(self) -> list[ChangedRange]:
        """Return the range that is open."""
        last = [] if self._open is None else [self._open]
        self._found.range_count += len(last)
        return last


def _present_in(block: ChangedBlock) -> str:
    if block.second_token is None:
        return FIRST
    return SECOND if block.first_token is None else BOTH
