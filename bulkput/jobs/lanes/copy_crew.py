"""The lanes that copy: portions are given to them with the tokens of their blocks.

This process lists, and knows the tokens; a lane gets its blocks from the one service and puts them
to the other. What it had when it died is got and put by another.
"""

from collections.abc import Callable

from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot
from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.protocol import FromLane, Portion, Token, WantToken
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.jobs.session.snapshot_blocks import not_there_any_more
from bulkput.model.block import Extent
from bulkput.pipeline.span_queue import SpanQueue


class CopyCrew(PutCrew):
    """This process and the lanes that copy one snapshot."""

    def __init__(
        self,
        parts: CrewParts,
        on_change: Callable[[], None],
        queue: SpanQueue,
        copied: CopiedSnapshot,
    ) -> None:
        """Begin without lanes.

        Args:
            parts: As of ``PutCrew``, and with the gets of ``copied``.
            on_change: The same.
            queue: What is left of the copy.
            copied: The snapshot that it is of.
        """
        super().__init__(parts, on_change, queue)
        self._copied = copied

    def _take(self, lane: LaneProcess, member: Member, message: FromLane) -> None:
        if isinstance(message, WantToken):
            self._begin(self._renew(lane, message))
        else:
            super()._take(lane, member, message)

    async def _renew(self, lane: LaneProcess, wanted: WantToken) -> None:
        token = await self._copied.tokens.renewed(wanted.block_index, wanted.refused)
        lane.send(Token(wanted.block_index, token))

    async def _portion(self, extent: Extent) -> Portion:
        work = self._queue.work_in(extent)
        data = [span for span in work if not span.is_hole]
        indexes = [index for span in data for index in range(span.start, span.stop)]
        unchanged = self._copied.unchanged_in(work)
        tokens = await self._copied.tokens.of(indexes)
        for index in indexes:
            if index not in tokens:  # which a lane would take for a hole
                raise not_there_any_more(self._copied.identity, index)
        return Portion(extent, tokens, unchanged)
