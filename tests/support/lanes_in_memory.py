"""Lanes that are coroutines of the same loop: they join, work, hang, die and leave as processes do.

What a crew does with them is the program's own; what a lane does with a work is given.
"""

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace

from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.get_crew import GetCrew
from bulkput.jobs.lanes.protocol import (
    CallKind,
    CallReport,
    Held,
    LaneLeft,
    LaneProgress,
    LaneReady,
    NoMoreWork,
    Share,
    Work,
    WorkDone,
)
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.budget import ByteBudget

NO_CALLS = (CallReport(Progress("snap"), Held()),)


class MemoryLane:
    """One lane; everything that it says comes a little later."""

    def __init__(self, name, do, rng):
        self.name = name
        self.do = do
        self.rng = rng
        self.crew = None
        self.busy_share = 0.0
        self.is_dead = False
        self.done = 0
        self.yet_blocks = 0
        """Of its memory, so many are in use, whatever its share is by now."""
        self.is_slow = False
        """Nothing was heard of that yet."""
        self.shares = []
        self._tasks = set()

    def order(self, order, descriptors):
        self._later(self._say(LaneReady()))

    def send(self, message):
        if self.is_dead:
            return
        if isinstance(message, Share):
            self.shares.append(message)
            self.report()
        elif isinstance(message, Work):
            self._later(self._work(message))
        elif isinstance(message, NoMoreWork):
            self._later(self._say(LaneLeft()))

    def report(self):
        if self.is_slow:
            return
        claimed_bytes = max(self.shares[-1].memory_bytes, self.yet_blocks * BLOCK_SIZE_BYTES)
        self._later(self._say(LaneProgress(NO_CALLS, 0.0, claimed_bytes)))

    def stop(self):
        self._later(self._say(LaneLeft()))

    def kill(self, how="it was killed"):
        if not self.is_dead:
            self.is_dead = True
            for task in self._tasks:
                task.cancel()
            asyncio.get_running_loop().call_soon(self.crew.lost, self, how)

    def _later(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, message):
        await asyncio.sleep(self.rng.random() / 10)
        if not self.is_dead:
            self.crew.hear(self, message)

    async def _work(self, work):
        try:
            result = await self.do(work.item)
        except BulkputError as error:
            await self._say(LaneLeft(error))
            return
        self.done += 1
        await self._say(WorkDone(work.number, result))


@contextmanager
def crew_in_memory(do, *, held_blocks, left_blocks=lambda: 1, notes=None):
    """Give a crew whose own part is ``do``; lanes join by ``join``."""
    budget = ByteBudget(held_blocks * BLOCK_SIZE_BYTES)
    pacer = Pacer(
        ceiling_puts_per_s=1000.0,
        in_flight_max=held_blocks,
        account=AccountPacer(1000.0),
        clock=LoopClock(),
    )
    parts = CrewParts(
        calls=[PacedCalls(CallKind.GETS, pacer, Progress("snap"), 1000.0, held_blocks)],
        order=None,
        descriptors=(),
        budget=budget,
        shutdown_grace_s=1.0,
        note=[].append if notes is None else notes.append,
        observer=SimpleNamespace(on_event=lambda _: None),
        clock=LoopClock(),
    )

    def divide():
        crew.divide(asyncio.get_running_loop().time(), lambda *_: 1000.0)

    crew = GetCrew(parts, divide, do, left_blocks)
    yield crew


def join(crew, lane):
    lane.crew = crew
    crew.join(lane)
