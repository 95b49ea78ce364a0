"""Blocks of a snapshot brought to a destination by a lane, through the job's own descriptor."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from bulkput.destination.destination import Target
from bulkput.jobs.lanes.lane_gets import Do, LaneGets
from bulkput.jobs.lanes.lane_volume import LaneTools, open_shared_manifest, open_shared_table
from bulkput.jobs.lanes.orders import RestoreOrder
from bulkput.jobs.state.manifest_at_hand import held_to
from bulkput.ledger.download_state import SettledTable
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.table import Table
from bulkput.pipeline.block_writer import BlockWriter
from bulkput.pipeline.workers import Workers

T = TypeVar("T")


class LaneRestore(LaneGets):
    """Writes groups of blocks; what is brought where, and when it is whole, is for the job."""

    def __init__(self, order: RestoreOrder, descriptors: Sequence[int], tools: LaneTools) -> None:
        """Take over ``descriptors``: of the destination, and of the download's lock."""
        super().__init__(order, tools)
        self._restore = order
        self._target, self._lock = descriptors

    async def open(self, stack: ExitStack) -> Do:
        # The lock last: nothing of this process is at work any more when others get it.
        stack.callback(os.close, self._lock)
        order, workers = self._restore, EndingWorkers(self.tools.workers)
        target = Target(self._target, order.path, order.kind, order.length_bytes)
        stack.callback(target.close)
        table, manifest = await workers.run(partial(_opened, order, stack))
        writer = BlockWriter(
            target,
            SettledTable(table),
            held_to(self.get_path(), manifest),
            workers,
            self.budget,
            is_blank=False,  # what a lane wrote that died may be there
        )
        return writer.write


class EndingWorkers:
    """Workers that a cancellation waits for: what is closed then is written to by nobody."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.count = workers.count

    async def run(self, work: Callable[[], T]) -> T:
        running = asyncio.ensure_future(self._workers.run(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            if not running.cancelled():
                running.exception()  # fetched: nobody else will
            raise


def _opened(order: RestoreOrder, stack: ExitStack) -> tuple[Table, Manifest | None]:
    """Open the files of the state folder. Blocks."""
    table = open_shared_table(order, stack)
    if order.manifest is None:
        return table, None
    return table, open_shared_manifest(order.manifest, stack)
