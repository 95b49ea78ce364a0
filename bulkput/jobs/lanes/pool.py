"""The lanes of one job: how many there are, which volume each has, and its part of the rates.

Owns the processes. What a lane does with its volume is its crew's.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from bulkput.config.process_count import AUTO
from bulkput.jobs.lanes.account_shares import AccountShares
from bulkput.jobs.lanes.crew import Crew, CrewParts
from bulkput.jobs.lanes.key_sender import KeySender
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.loop_load import LoopLoad
from bulkput.jobs.lanes.pool_parts import PoolParts
from bulkput.jobs.lanes.protocol import CallKind, FromLane, LaneEnd, LaneInit, OfSource, WantKeys
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.machine.processors import IdleProcessors, quota_processors
from bulkput.pace.lanes import LaneCount, Look
from bulkput.pipeline.span_queue import SpanQueue

if TYPE_CHECKING:
    from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot
    from bulkput.jobs.lanes.copy_crew import CopyCrew
    from bulkput.jobs.lanes.get_crew import Do, GetCrew, Item, Result

_LOOK_S = 0.5
"""Half of what a share is measured over."""

_SILENT_LOOKS_MAX = 120
"""A minute: a lane that works sends its counters four times a second. Looks, not time, because this
process may have been stopped as well."""
_SILENT = "it hung for a minute, and was killed"


@contextlib.asynccontextmanager
async def open_lanes(parts: PoolParts) -> AsyncIterator["LanePool | None"]:
    """Give the lanes of a job, and end them; None where everything is done by this process."""
    if parts.processes_a_volume == 1:
        yield None
        return
    pool = LanePool(parts)
    looking = asyncio.create_task(pool.keep_looking())
    try:
        yield pool
    finally:
        looking.cancel()
        # Not suppressed: a cancellation of the job itself that comes in this moment must count.
        await asyncio.gather(looking, return_exceptions=True)
        await pool.close()


class LanePool:
    """At most one process less than configured, beside this one."""

    def __init__(self, parts: PoolParts) -> None:
        """Begin without lanes; ``keep_looking`` has to run as long as the pool is used."""
        self.parts = parts
        self._most_lanes = parts.most_processes - 1
        self._lanes_a_crew = parts.processes_a_volume - 1
        self._found = LaneCount(self._most_lanes)
        self._is_auto = parts.settings.tuning.processes == AUTO
        self._load = LoopLoad()
        self._idle = IdleProcessors()
        self._quota_processors = quota_processors()
        self._ended_calls = 0
        """Of volumes that have ended."""
        self._keys = KeySender(parts.credentials)
        self._source_keys = None if parts.source is None else KeySender(parts.source.credentials)
        self._crews: list[Crew] = []
        self._crew_of: dict[LaneProcess, Crew | None] = {}
        self._accounts = AccountShares(parts.accounts)
        self._starting: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def window_blocks(self) -> int:
        """The window of a lane: it fits everybody's part of one volume's memory."""
        return self.parts.shared_window_blocks

    @contextlib.contextmanager
    def put_crew(self, parts: CrewParts, queue: SpanQueue) -> Iterator[PutCrew]:
        """Give a volume lanes that put it while the context lasts; ``queue`` has all of it."""
        crew = PutCrew(parts, self._look, queue)
        with self._at_work(crew):
            yield crew

    @contextlib.contextmanager
    def copy_crew(
        self, parts: CrewParts, queue: SpanQueue, copied: "CopiedSnapshot"
    ) -> "Iterator[CopyCrew]":
        """Give a copy lanes that get and put it while the context lasts; see ``put_crew``."""
        from bulkput.jobs.lanes.copy_crew import CopyCrew  # noqa: PLC0415 - an upload gets nothing

        crew = CopyCrew(parts, self._look, queue, copied)
        with self._at_work(crew):
            yield crew

    @contextlib.contextmanager
    def get_crew(
        self, parts: CrewParts, do: "Do[Item, Result]", left_blocks: Callable[[], int]
    ) -> "Iterator[GetCrew[Item, Result]]":
        """Give a snapshot lanes that get it while the context lasts; see ``GetCrew``."""
        from bulkput.jobs.lanes.get_crew import GetCrew  # noqa: PLC0415 - an upload gets nothing

        crew = GetCrew(parts, self._look, do, left_blocks)
        with self._at_work(crew):
            yield crew

    @contextlib.contextmanager
    def _at_work(self, crew: Crew) -> Iterator[None]:
        self._crews.append(crew)
        self._look()
        try:
            yield
        finally:
            self._ended_calls += crew.attempted
            self._accounts.end(crew)
            self._crews.remove(crew)
            self._look()

    def set_ceiling(self, kind: CallKind, account_per_s: float) -> None:
        """Change what all processes may use of the account's quota of a kind; 0 holds all back."""
        self._accounts.set_ceiling(kind, account_per_s)
        self._divide()

    def held_s(self, kind: CallKind, now_s: float) -> float:
        """Return how long calls of all processes so far waited for their parts of the account."""
        return self._accounts.held_s(kind, now_s, self._crews)

    async def keep_looking(self) -> None:
        """Divide, start and hand out, again and again, for ever."""
        while True:
            await self.parts.clock.sleep(_LOOK_S)
            for lane, crew in self._crew_of.items():
                # Without a volume it has nothing to say.
                lane.silent_looks = 0 if crew is None else lane.silent_looks + 1
                if lane.silent_looks > _SILENT_LOOKS_MAX:
                    lane.kill(_SILENT)  # as one that died
            if self._is_auto:
                self._find_count()
            self._keys.look(self._crew_of)
            if self._source_keys is not None:
                self._source_keys.look([lane.source_keys for lane in self._crew_of])
            self._look()

    async def close(self) -> None:
        """End all processes, none of which has a volume."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sender in (self._keys, self._source_keys):
            if sender is not None:
                await sender.close()
        await asyncio.gather(*(lane.close() for lane in list(self._crew_of)))

    def _look(self) -> None:
        """Start what is missing, give volumes to lanes that have none, and divide the account."""
        for lane in [lane for lane in self._crew_of if lane.is_over]:
            del self._crew_of[lane]
        wanting = [crew for crew in self._crews if crew.wants_lanes]
        present = sum(not lane.is_retired for lane in self._crew_of) + len(self._starting)
        missing = self._wanted_lanes - present
        for _ in range(missing if wanting else 0):
            self._starting.add(self._begin(self._start_one()))
        for lane, crew in self._crew_of.items():
            if crew is not None and lane not in crew.lanes:
                self._crew_of[lane] = None
        for lane in [lane for lane, crew in self._crew_of.items() if crew is None]:
            if lane.is_ending:
                continue
            if lane.is_retired:
                del self._crew_of[lane]
                self._begin(lane.close())
            elif room := [crew for crew in wanting if len(crew.lanes) < self._lanes_a_crew]:
                fewest = min(room, key=lambda each: len(each.lanes))
                self._crew_of[lane] = fewest
                fewest.join(lane)
        self._divide()

    @property
    def _wanted_lanes(self) -> int:
        return self._found.count if self._is_auto else self._most_lanes

    def _find_count(self) -> None:
        """Look at how busy everybody is, and let a lane go that is not wanted any more."""
        own_share, idle = self._load.busy_share(), self._idle.count()
        if not self._crews:
            return
        working = [
            (lane, crew) for crew in self._crews for lane in crew.working if not lane.is_retired
        ]
        look = Look(
            now_s=self.parts.clock.monotonic_s(),
            puts=self._ended_calls + sum(crew.attempted for crew in self._crews),
            busy_shares=(own_share, *(lane.busy_share for lane, _ in working)),
            # Of the quota lanes are taken to use as much as this process.
            idle_processors=min(
                idle, self._quota_processors - self._load.process_share * (1 + len(working))
            ),
            allowed_puts_per_s=self._allowed_puts_per_s(),
            left_puts=sum(crew.left_blocks for crew in self._crews),
        )
        self._retire_beyond(self._found.look(look), [lane for lane, _ in working])

    def _retire_beyond(self, wanted: int, working: list[LaneProcess]) -> None:
        """Let lanes go that are too many, those first that do not put yet."""
        present = [lane for lane in self._crew_of if not lane.is_retired]
        present.sort(key=lambda lane: lane not in working)
        for lane in present[wanted:]:
            lane.is_retired = True
            crew = self._crew_of[lane]
            if crew is not None:
                crew.leave(lane)

    def _allowed_puts_per_s(self) -> float:
        """Return what all pacers would let start, throttles included; a copy by its slower end."""
        allowed = {}
        for kind, account in self.parts.accounts.items():
            calls = [each for crew in self._crews for each in crew.calls if each.kind is kind]
            own = sum(each.pacer.rate_puts_per_s for each in calls)
            in_lanes = sum(each.progress.allowed_in_lanes_per_s for each in calls)
            if calls:
                allowed[kind] = min(own, account.pacer.rate_puts_per_s) + in_lanes
        source_gets_per_s = allowed.pop(CallKind.SOURCE_GETS, math.inf)
        return min(sum(allowed.values()), source_gets_per_s)

    def _divide(self) -> None:
        now_s = self.parts.clock.monotonic_s()
        shares = self._accounts.divide(now_s, self._crews)
        for crew in self._crews:
            crew.divide(now_s, lambda kind, lane: shares[kind].get(lane.name, 0.0))

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._starting.discard)
        return task

    async def _start_one(self) -> None:
        init = await self._first_message()
        if init is None:
            return
        lane = LaneProcess(self._hear, self._lost)
        try:
            await lane.start(init)
        except OSError:
            self._do_with_one_less()
            return
        self._crew_of[lane] = None
        asyncio.get_running_loop().call_soon(self._look)

    async def _first_message(self) -> LaneInit | None:
        """Return what a lane is to open; None without keys: this process's own calls fail alike."""
        parts, source = self.parts, self.parts.source
        keys = await self._keys.latest()
        if keys.error is not None:
            return None
        end = LaneEnd(parts.settings, parts.server, keys)
        if source is None or self._source_keys is None:
            return LaneInit(end)
        keys = await self._source_keys.latest()
        if keys.error is not None:
            return None
        return LaneInit(end, LaneEnd(source.settings, source.server, keys))

    def _hear(self, lane: LaneProcess, message: FromLane) -> None:
        lane.silent_looks = 0
        if isinstance(message, WantKeys):
            self._keys.refresh(lane)
        elif isinstance(message, OfSource) and self._source_keys is not None:
            self._source_keys.refresh(lane.source_keys)
        crew = self._crew_of.get(lane)
        if crew is not None:
            crew.hear(lane, message)

    def _do_with_one_less(self) -> None:
        """Look for no other one: what ended this one, or kept it from starting, may do it again."""
        self._most_lanes = max(0, self._most_lanes - 1)
        self._found.lost()

    def _lost(self, lane: LaneProcess, how: str) -> None:
        crew = self._crew_of.pop(lane, None)
        if not lane.is_to_end:
            self._do_with_one_less()
        if crew is not None:
            crew.lost(lane, how)
