"""The lanes of one job: how many there are, which volume each has, and each one's part of the puts.

Owns the processes. What a lane does with its volume is its crew's.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from bulkput.config.tuning import WINDOWS_PER_BUDGET
from bulkput.jobs.lanes.crew import Crew, CrewParts
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.protocol import FromLane, LaneInit
from bulkput.jobs.session.context import JobContext
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pace.fair_share import FairShare

_LOOK_S = 0.5
"""Half of what a share is measured over."""

_SILENT_LOOKS_MAX = 120
"""A minute: a lane that works sends its counters four times a second. Looks, not time, because this
process may have been stopped as well."""

_OWN = "own"

_WINDOW_MIN_BLOCKS = 2
"""A hop to a thread for each block would cost a tenth of what its put does."""


def wanted_processes(context: JobContext) -> int:
    """Return how many processes may put, this one included."""
    processes = context.settings.tuning.processes
    return 1 if processes == "auto" else processes


def process_count(processes: int, memory_bytes: int) -> int:
    """Return over how many processes one volume's puts are spread at most.

    Args:
        processes: Wanted, this one included.
        memory_bytes: What the volume may hold, in all of them together.
    """
    window_bytes = _WINDOW_MIN_BLOCKS * BLOCK_SIZE_BYTES
    return max(1, min(processes, memory_bytes // (WINDOWS_PER_BUDGET * window_bytes)))


@contextlib.asynccontextmanager
async def open_lanes(context: JobContext) -> AsyncIterator["LanePool | None"]:
    """Give the lanes of a job, and end them; None where everything is put by this process."""
    most = process_count(wanted_processes(context), context.memory_budget_bytes)
    if most == 1:
        yield None
        return
    pool = LanePool(context, most - 1)
    looking = asyncio.create_task(pool.keep_looking())
    try:
        yield pool
    finally:
        looking.cancel()
        # Not suppressed: a cancellation of the job itself that comes in this moment must count.
        await asyncio.gather(looking, return_exceptions=True)
        await pool.close()


class LanePool:
    """At most ``most_lanes`` processes beside this one."""

    def __init__(self, context: JobContext, most_lanes: int) -> None:
        """Begin without lanes; ``keep_looking`` has to run as long as the pool is used."""
        self._context = context
        self._most_lanes = most_lanes
        settings, gets = context.settings, context.get_rate_limits
        tuning = settings.tuning.model_copy(
            update={
                "gets_per_s_snapshot": gets.snapshot_gets_per_s,
                "gets_per_s_account": gets.account_gets_per_s,
            }
        )
        self._init = LaneInit(settings.model_copy(update={"tuning": tuning}), context.server)
        self._crews: list[Crew] = []
        self._crew_of: dict[LaneProcess, Crew | None] = {}
        self._share = FairShare(context.rate_limits.account_puts_per_s)
        self._own_puts_per_s = context.rate_limits.account_puts_per_s
        self._starting: set[asyncio.Task[None]] = set()

    @property
    def window_blocks(self) -> int:
        """The window that fits everybody's part of one volume's memory."""
        memory_bytes = self._context.memory_budget_bytes
        count = process_count(1 + self._most_lanes, memory_bytes)
        fitting_bytes = memory_bytes // count // WINDOWS_PER_BUDGET
        return min(self._context.window_blocks, fitting_bytes // BLOCK_SIZE_BYTES)

    @contextlib.contextmanager
    def crew(self, parts: CrewParts) -> Iterator[Crew]:
        """Give a volume lanes while the context lasts."""
        crew = Crew(parts, self._look)
        self._crews.append(crew)
        self._look()
        try:
            yield crew
        finally:
            self._crews.remove(crew)
            self._look()

    async def keep_looking(self) -> None:
        """Divide, start and hand out, again and again, for ever."""
        while True:
            await self._context.clock.sleep(_LOOK_S)
            for lane, crew in self._crew_of.items():
                lane.silent_looks += 1
                if crew is not None and lane.silent_looks > _SILENT_LOOKS_MAX:
                    lane.kill()  # as one that died
            self._look()

    async def close(self) -> None:
        """End all processes, none of which has a volume."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in list(self._crew_of)))

    def _look(self) -> None:
        """Start what is missing, give volumes to lanes that have none, and divide the account."""
        for lane in [lane for lane in self._crew_of if lane.is_over]:
            del self._crew_of[lane]
        wanting = [crew for crew in self._crews if crew.wants_lanes]
        missing = self._most_lanes - len(self._crew_of) - len(self._starting)
        for _ in range(missing if wanting else 0):
            self._start()
        for lane, crew in self._crew_of.items():
            if crew is not None and lane not in crew.lanes:
                self._crew_of[lane] = None
        for lane, crew in self._crew_of.items():
            if crew is None and wanting:
                fewest = min(wanting, key=lambda each: len(each.lanes))
                self._crew_of[lane] = fewest
                fewest.join(lane)
        self._divide()

    def _divide(self) -> None:
        now_s = self._context.clock.monotonic_s()
        working = {
            lane: crew.attempted_by(lane)
            for lane, crew in self._crew_of.items()
            if crew is not None and lane in crew.lanes
        }
        sent = {_OWN: sum(crew.own_attempted for crew in self._crews)}
        sent |= {lane.name: count for lane, count in working.items()}
        shares = self._share.divide(now_s, sent)
        if shares[_OWN] != self._own_puts_per_s:
            self._own_puts_per_s = shares[_OWN]
            self._context.account.set_ceiling(now_s, shares[_OWN])
        for crew in self._crews:
            crew.divide(now_s, lambda lane: shares.get(lane.name, 0.0))

    def _start(self) -> None:
        task = asyncio.create_task(self._start_one())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start_one(self) -> None:
        lane = LaneProcess(self._hear, self._lost)
        try:
            await lane.start(self._init)
        except OSError:
            self._most_lanes = len(self._crew_of)  # what there is has to do
            return
        self._crew_of[lane] = None
        asyncio.get_running_loop().call_soon(self._look)

    def _hear(self, lane: LaneProcess, message: FromLane) -> None:
        lane.silent_looks = 0
        crew = self._crew_of.get(lane)
        if crew is not None:
            crew.hear(lane, message)

    def _lost(self, lane: LaneProcess, how: str) -> None:
        crew = self._crew_of.pop(lane, None)
        if not lane.is_to_end:
            self._most_lanes = max(0, self._most_lanes - 1)  # what ends one may end the next
        if crew is not None:
            crew.lost(lane, how)
