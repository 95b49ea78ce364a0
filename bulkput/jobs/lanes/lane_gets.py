"""Blocks of one snapshot got in a lane, and what is done with them there."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from bulkput.jobs.lanes.lane_volume import LaneCalls, LaneTools, get_path, take_share
from bulkput.jobs.lanes.orders import CompareOrder, GetOrder
from bulkput.jobs.lanes.protocol import LaneReady, NoMoreWork, Share, ToVolume, Work, WorkDone
from bulkput.jobs.lanes.shared_references import open_references
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.progress import Progress
from bulkput.pace.gate import OpenGate
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.comparing import Comparison
from bulkput.pipeline.get import GetPath

Do = Callable[[Any], Awaitable[Any]]
"""A work's item to what came of it."""


class LaneGets(ABC):
    """Does the works of one snapshot that the job gives it, as many at a time."""

    def __init__(self, order: GetOrder, tools: LaneTools) -> None:
        """Begin with nothing to do."""
        self.calls: tuple[LaneCalls, ...] = (LaneCalls(Progress(order.volume), tools, OpenGate()),)
        self.budget = ByteBudget(BLOCK_SIZE_BYTES)
        self.tools = tools
        self._order = order
        self._works: asyncio.Queue[Work | None] = asyncio.Queue()

    def take(self, message: ToVolume) -> None:
        """Keep to a share from now on, or do a work too."""
        if isinstance(message, Share):
            take_share(message, self.calls, self.budget)
        elif isinstance(message, Work):
            self._works.put_nowait(message)
        elif isinstance(message, NoMoreWork):
            self._works.put_nowait(None)

    async def run(self) -> None:
        """Do all works; then everything is let go of.

        Raises:
            BulkputError: the first final failure.
        """
        with ExitStack() as stack:
            do = await self.open(stack)
            self.tools.report(LaneReady())
            try:
                async with asyncio.TaskGroup() as group:
                    while (work := await self._works.get()) is not None:
                        group.create_task(self._do(work, do))
            except BaseExceptionGroup as failures:
                raise first_cause(failures) from failures

    @abstractmethod
    async def open(self, stack: ExitStack) -> Do:
        """Return what does a work, with all that is open for it until ``stack`` closes.

        Raises:
            BulkputError: something cannot be opened.
        """

    async def _do(self, work: Work, do: Do) -> None:
        self.tools.report(WorkDone(work.number, await do(work.item)))

    def get_path(self) -> GetPath:
        """Return the way of the gets."""
        order, (gets,) = self._order, self.calls
        return get_path(self.tools, gets, order.snapshot_id, started_s=order.snapshot_started_s)


class LaneComparison(LaneGets):
    """Compares pieces of a snapshot; what differs is for the job to judge."""

    def __init__(self, order: CompareOrder, descriptors: Sequence[int], tools: LaneTools) -> None:
        """Take over ``descriptors``."""
        super().__init__(order, tools)
        self._references = order.references
        self._descriptors = descriptors

    async def open(self, stack: ExitStack) -> Do:
        shared, descriptors = self._references, self._descriptors
        references = await self.tools.workers.run(
            partial(open_references, shared, descriptors, stack)
        )
        comparison = Comparison(references, self.get_path(), self.tools.workers, self.budget)
        return comparison.differences
