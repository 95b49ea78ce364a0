"""The lanes of one volume: its blocks, rate and memory divided among this process and them.

Owns how a lane joins, is heard, and goes. What it is given, and what becomes of that when it goes,
is ``put_crew``'s and ``get_crew``'s.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.orders import Order
from bulkput.jobs.lanes.protocol import (
    CallKind,
    CallShare,
    FromLane,
    LaneLeft,
    LaneProgress,
    LaneReady,
    Share,
)
from bulkput.jobs.lanes.shared_calls import PacedCalls, SharedCalls
from bulkput.model.clock import Clock
from bulkput.model.errors import MachineError
from bulkput.model.events import GetRetried, Observer, PutRetried
from bulkput.pace.gate import Fence
from bulkput.pipeline.budget import ByteBudget

T = TypeVar("T")

_END_MARGIN_S = 1.0
"""Beyond the grace of puts in flight, before a lane that does not end is killed."""

SHRINK_LOOK_S = 0.01
"""A budget made smaller is waited for so often: a put lets go of its bytes within as much."""


@dataclass(frozen=True, repr=False, eq=False)
class CrewParts:
    """What a volume's work shares with its lanes; all of it is the volume's."""

    calls: Sequence[PacedCalls]
    """Those first by which its blocks are settled."""
    order: Order
    descriptors: Sequence[int]
    budget: ByteBudget
    shutdown_grace_s: float
    note: Callable[[str], None]
    observer: Observer
    clock: Clock
    fence: Fence = field(default_factory=Fence)


class Crew(ABC):
    """This process and the lanes that work for one volume."""

    loss = "process {}, which worked beside this one, is gone: {}"
    """With a lane's process id and how it ended."""

    def __init__(self, parts: CrewParts, on_change: Callable[[], None]) -> None:
        """Begin without lanes; ``on_change`` hears when one can work, and when one is gone."""
        self.parts = parts
        self._on_change = on_change
        self.calls = tuple(SharedCalls(calls) for calls in parts.calls)
        self._members: dict[LaneProcess, Member] = {}
        self._memory_bytes = parts.budget.limit_bytes
        # A result: an exception that nobody fetches, as after a stop, would be logged as a defect.
        self._failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_closed = False

    @property
    @abstractmethod
    def wants_lanes(self) -> bool:
        """Whether there is something left to hand out."""

    @property
    @abstractmethod
    def left_blocks(self) -> int:
        """Of the volume, not settled yet."""

    @abstractmethod
    def _take(self, lane: LaneProcess, member: Member, message: FromLane) -> None:
        """Take a message about what the lane was given."""

    @abstractmethod
    def _begin_leaving(self, lane: LaneProcess) -> None:
        """See that a lane that gets no more leaves when it has ended what it has."""

    @abstractmethod
    def _end_lane(self, lane: LaneProcess) -> None:
        """Let a lane leave that has nothing any more."""

    @abstractmethod
    def _take_back(self, member: Member) -> None:
        """Give what a lane had, which is gone, to others."""

    @property
    def lanes(self) -> tuple[LaneProcess, ...]:
        """Those that have the volume."""
        return tuple(self._members)

    @property
    def working(self) -> tuple[LaneProcess, ...]:
        """Those of them that can work."""
        return tuple(lane for lane, member in self._members.items() if member.is_ready)

    @property
    def attempted(self) -> int:
        """Calls of everybody."""
        return self.calls[0].attempted

    def join(self, lane: LaneProcess) -> None:
        """Give the volume to a lane."""
        self._members[lane] = Member(*(calls.progress for calls in self.calls))
        self._empty.clear()
        lane.order(self.parts.order, self.parts.descriptors)

    def leave(self, lane: LaneProcess) -> None:
        """Let a lane end what it has; it gets no more."""
        if lane in self._members:
            self._members[lane].is_leaving = True
            self._begin_leaving(lane)

    def hear(self, lane: LaneProcess, message: FromLane) -> None:
        """Take a message of a lane of this crew."""
        member = self._members.get(lane)
        if member is None:
            return
        if isinstance(message, LaneProgress):
            lane.busy_share = message.busy_share
            member.memory_bytes = message.memory_bytes
            member.count(*(report.progress for report in message.calls))
            for calls, report in zip(self.calls, message.calls, strict=True):
                calls.take(lane, report)
        elif isinstance(message, PutRetried | GetRetried):
            self.parts.observer.on_event(message)
        elif isinstance(message, LaneReady):
            self._begin(self._admit(member))
        elif isinstance(message, LaneLeft):
            self._leave(lane, member, message)
        else:
            self._take(lane, member, message)

    def lost(self, lane: LaneProcess, how: str) -> None:
        """Learn that a lane has ended: what it had is to be done by others."""
        member = self._members.get(lane)
        if member is not None:
            self._note_loss(lane, how)
            self._remove(lane, member)

    async def run(self, own: Coroutine[Any, Any, T]) -> T:
        """Run this process's own part, beside the lanes', until all is settled.

        However it ends, no lane has the volume any more.

        Returns:
            What ``own`` returns.

        Raises:
            BulkputError: the first final failure, here or in a lane.
        """
        task = asyncio.create_task(own)
        try:
            first: set[asyncio.Future[Any]] = {task, self._failed}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                raise self._failed.result()
            return await asyncio.shield(task)
        finally:
            self.is_closed = True
            await self._end(task)

    async def _end(self, task: "asyncio.Task[Any]") -> None:
        """Stop what is under way, here and in the lanes, at the same time."""
        for each in self._tasks:
            each.cancel()
        is_whole = task.done() and not task.cancelled() and task.exception() is None
        if not task.done():
            task.cancel()
        for lane, member in self._members.items():
            if not is_whole or not member.is_ready:
                lane.stop()
            else:
                self._end_lane(lane)
        try:
            async with asyncio.timeout(self.parts.shutdown_grace_s + _END_MARGIN_S):
                await self._empty.wait()
        except TimeoutError:
            pass
        finally:
            for lane in self._members:
                lane.kill()
            # Gathered, so that a failure after the first one is fetched: it is not reported.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(task, return_exceptions=True)
        await self._empty.wait()

    def divide(self, now_s: float, account_per_s: Callable[[CallKind, LaneProcess], float]) -> None:
        """Give everybody here a part of what the snapshot may have."""
        ready = self.working
        memory_bytes = self._part_of_memory_bytes()
        self.parts.budget.resize(memory_bytes)
        divided = [(calls.kind, *calls.divide(now_s, ready)) for calls in self.calls]
        for lane in ready:
            parts = tuple(
                CallShare(shares[lane], account_per_s(kind, lane), in_flight_max)
                for kind, shares, in_flight_max in divided
            )
            member = self._members[lane]
            member.memory_bytes = max(member.memory_bytes, memory_bytes)
            lane.send(Share(parts, memory_bytes, self.parts.fence.until_s))

    def _part_of_memory_bytes(self) -> int:
        lanes = sum(member.has_memory for member in self._members.values())
        return self._memory_bytes // (1 + lanes)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done() and not self.is_closed:
            self._failed.set_result(error)

    async def _admit(self, member: Member) -> None:
        """Count a lane among those that share, once its part of the memory is free."""
        member.has_memory = True
        self._on_change()  # the others hear of their smaller parts
        while self._is_more_claimed():
            await self.parts.clock.sleep(SHRINK_LOOK_S)
        member.is_ready = True
        self._on_change()

    def _is_more_claimed(self) -> bool:
        """Return whether somebody has more than its part of the memory yet."""
        part_bytes = self._part_of_memory_bytes()
        ready = (member for member in self._members.values() if member.is_ready)
        in_lanes_bytes = (member.memory_bytes for member in ready)
        return max([self.parts.budget.in_use_bytes, *in_lanes_bytes]) > part_bytes

    def _leave(self, lane: LaneProcess, member: Member, left: LaneLeft) -> None:
        cannot_work = isinstance(left.error, MachineError) or not member.is_ready
        if left.error is not None and cannot_work:
            self._note_loss(lane, str(left.error))
            lane.kill()  # it could not work for another volume, nor for this one again
        elif left.error is not None:
            self._fail(left.error)
        elif left.end is not None:
            self._note_loss(lane, left.end)
            lane.is_ending = True
        self._remove(lane, member)

    def _remove(self, lane: LaneProcess, member: Member) -> None:
        """Take back what a lane has: its unsettled blocks are counted when they are settled."""
        del self._members[lane]
        member.forget_unsettled()
        for calls in self.calls:
            calls.remove(lane)
        self._take_back(member)
        if not self._members:
            self._empty.set()
        self._on_change()

    def _note_loss(self, lane: LaneProcess, how: str) -> None:
        if not self.is_closed:
            self.parts.note(self.loss.format(lane.name, how))
