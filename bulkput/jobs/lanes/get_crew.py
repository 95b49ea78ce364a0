"""The lanes that get blocks of one snapshot: works are given to them, one after the other.

The job lists, numbers, puts in order and decides; whoever does a work gets its blocks and returns
what it found or did. The works of a lane that dies are done again: a get changes nothing, and a
block that is written twice to a destination is the same block.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from bulkput.jobs.lanes.crew import Crew, CrewParts
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.orders import GetOrder
from bulkput.jobs.lanes.protocol import CallKind, FromLane, NoMoreWork, Work, WorkDone
from bulkput.jobs.lanes.shared_calls import paced_gets
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.progress import Progress
from bulkput.pipeline.budget import ByteBudget

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_reader import SnapshotReader  # most uploads read none
    from bulkput.pipeline.get import GetPath

Item = TypeVar("Item")
Result = TypeVar("Result")
Do = Callable[[Item], Awaitable[Result]]

AHEAD_FACTOR = 2
"""Of the blocks that fit the memory of whoever works, what it is given: the others wait there for
their bytes to fit, so that a message's way costs no time in which nothing is under way."""


class _Place(NamedTuple):
    """Somebody who waits to be told where a work is done."""

    block_count: int
    given: "asyncio.Future[LaneProcess | None]"
    """None: here."""


class _LaneGoneError(Exception):
    """A lane has ended before it had done a work."""


class GetCrew(Crew, Generic[Item, Result]):
    """This process and the lanes that get one snapshot."""

    loss = (
        "process {}, which got blocks beside this one, is gone: {}. "
        "What it had not got is got by the others"
    )

    def __init__(
        self,
        parts: CrewParts,
        on_change: Callable[[], None],
        do: "Do[Item, Result]",
        left_blocks: Callable[[], int],
    ) -> None:
        """Begin without lanes.

        Args:
            parts: What is shared with them.
            on_change: As of ``Crew``.
            do: Does a work in this process.
            left_blocks: How many blocks are to be got yet, at most.
        """
        super().__init__(parts, on_change)
        self._do_here = do
        self._left_blocks = left_blocks
        self._numbers = count()
        self._places: deque[_Place] = deque()
        self._load: dict[LaneProcess | None, int] = {None: 0}
        """Blocks of the works that each has; None is this process."""

    @property
    def wants_lanes(self) -> bool:
        return not self.is_closed and self.left_blocks > 0

    @property
    def left_blocks(self) -> int:
        return self._left_blocks()

    async def do(self, item: Item, block_count: int) -> Result:
        """Have a work done here or in a lane, in the order of asking, and return what came of it.

        Raises:
            BulkputError: it has finally failed here; what fails in a lane, ``run`` raises.
        """
        is_again = False
        while True:
            lane = await self._find_place(block_count, is_again=is_again)
            try:
                if lane is None:
                    return await self._do_here(item)
                return await self._ask(lane, item)
            except _LaneGoneError:
                is_again = True
            finally:
                self._leave_place(lane, block_count)

    async def _ask(self, lane: LaneProcess, item: Item) -> Result:
        member = self._members.get(lane)
        if member is None or member.is_leaving:
            raise _LaneGoneError
        number = next(self._numbers)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        member.works[number] = done
        lane.send(Work(number, item))
        result: Result = await done
        return result

    def divide(self, now_s: float, account_per_s: Callable[[CallKind, LaneProcess], float]) -> None:
        super().divide(now_s, account_per_s)
        self._give_places()  # behind the shares: a lane that is new has its memory first

    def _take(self, lane: LaneProcess, member: Member, message: FromLane) -> None:
        if isinstance(message, WorkDone) and message.number in member.works:
            done = member.works.pop(message.number)
            if not done.done():
                done.set_result(message.result)
            if member.is_leaving and not member.works:
                self._end_lane(lane)

    def _begin_leaving(self, lane: LaneProcess) -> None:
        if not self._members[lane].works:
            self._end_lane(lane)

    def _end_lane(self, lane: LaneProcess) -> None:
        lane.send(NoMoreWork())

    def _take_back(self, member: Member) -> None:
        for done in member.works.values():
            if not done.done():
                done.set_exception(_LaneGoneError())
        member.works.clear()

    async def _find_place(self, block_count: int, *, is_again: bool) -> LaneProcess | None:
        place = _Place(block_count, asyncio.get_running_loop().create_future())
        if is_again:
            self._places.appendleft(place)
        else:
            self._places.append(place)
        self._give_places()
        try:
            return await place.given
        except asyncio.CancelledError:
            if place.given.done() and not place.given.cancelled():
                self._leave_place(place.given.result(), block_count)
            else:
                self._places.remove(place)
                self._give_places()
            raise

    def _leave_place(self, lane: LaneProcess | None, block_count: int) -> None:
        if lane in self._load:
            self._load[lane] -= block_count
        self._give_places()

    def _give_places(self) -> None:
        """Give those who wait to whoever has the least, as far as there is room."""
        able = [lane for lane, member in self._members.items() if self._is_able(member)]
        self._load = {place: self._load.get(place, 0) for place in (None, *self._members)}
        room = AHEAD_FACTOR * self._part_of_memory_bytes() // BLOCK_SIZE_BYTES
        while self._places:
            least = min((None, *able), key=lambda place: self._load[place])
            block_count, given = self._places[0]
            if given.cancelled():
                break  # its own handler removes it, and calls again
            if self._load[least] and self._load[least] + block_count > room:
                break
            self._places.popleft()
            self._load[least] += block_count
            given.set_result(least)

    @staticmethod
    def _is_able(member: Member) -> bool:
        return member.is_ready and not member.is_leaving


def gets_together(
    gets: "SnapshotReader",
    get: "GetPath",
    progress: Progress,
    order: GetOrder,
    descriptors: Sequence[int],
    *,
    budget: ByteBudget,
) -> CrewParts:
    """Return what the gets of one snapshot share with lanes.

    Args:
        gets: The service.
        get: The way of this process's gets.
        progress: Of the snapshot, as ``get`` has it.
        order: For the lanes.
        descriptors: That go with it.
        budget: What all may hold.
    """
    return CrewParts(
        calls=(
            paced_gets(CallKind.GETS, gets, get, progress, memory_budget_bytes=budget.limit_bytes),
        ),
        order=order,
        descriptors=descriptors,
        budget=budget,
        shutdown_grace_s=gets.tuning.shutdown_grace_s,
        note=gets.on_warning(progress.volume),
        observer=gets.observer,
        clock=gets.clock,
    )
