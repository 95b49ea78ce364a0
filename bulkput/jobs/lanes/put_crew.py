"""The lanes that put blocks of one volume: portions of it are given to them.

The blocks that a lane had when it died are put by another; what it put of them, the table says.
"""

from collections.abc import Callable

from bulkput.jobs.lanes.crew import SHRINK_LOOK_S, Crew, CrewParts
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.protocol import FromLane, Portion, PortionSettled, WantPortion
from bulkput.model.block import Extent
from bulkput.pipeline.span_queue import SpanQueue

PORTION_BLOCKS = 64
"""32 MiB: a sixteenth of a second of one snapshot's quota, so that all end together; and at that
rate sixteen messages a second, which take a hundredth of a loop's time."""


class PutCrew(Crew):
    """This process and the lanes that put one volume."""

    loss = (
        "process {}, which put blocks beside this one, is gone: {}. "
        "What it had not put is put by the others"
    )

    def __init__(self, parts: CrewParts, on_change: Callable[[], None], queue: SpanQueue) -> None:
        """Begin without lanes; ``queue`` has what is left of the volume."""
        super().__init__(parts, on_change)
        self._queue = queue

    @property
    def wants_lanes(self) -> bool:
        return not (self.is_closed or self._queue.is_exhausted)

    @property
    def left_blocks(self) -> int:
        progress = self.calls[0].progress
        return progress.blocks_total - progress.blocks_considered

    def _take(self, lane: LaneProcess, member: Member, message: FromLane) -> None:
        if isinstance(message, WantPortion):
            self._begin(self._hand_out(lane, member))
        elif isinstance(message, PortionSettled):
            member.settle(message)
            self._queue.settled(message.extent)

    def _begin_leaving(self, lane: LaneProcess) -> None:
        """Do nothing: it asks for more when it has read what it has, and learns it then."""

    def _end_lane(self, lane: LaneProcess) -> None:
        lane.send(Portion(None))

    async def _hand_out(self, lane: LaneProcess, member: Member) -> None:
        while not member.is_ready:
            await self.parts.clock.sleep(SHRINK_LOOK_S)
        portion = None
        if not (member.is_leaving or self.is_closed):
            portion = await self._queue.lend(PORTION_BLOCKS)
        if portion is None:
            lane.send(Portion(None))
        elif self._members.get(lane) is member:
            member.portions.add(portion)
            lane.send(await self._portion(portion))
        else:
            self._queue.take_back(portion)  # it died meanwhile

    async def _portion(self, extent: Extent) -> Portion:
        """Return blocks that are lent, with what a lane needs to know of them."""
        return Portion(extent)

    def _take_back(self, member: Member) -> None:
        for portion in sorted(member.portions):
            self._queue.take_back(portion)
