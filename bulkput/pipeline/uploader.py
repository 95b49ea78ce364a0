"""The last stage: settles every block of every hashed window, with many puts in flight.

Each put is a task of its own; the byte budget bounds how many there are. Puts live outside the
stages' task group, so that a stop can let those in flight end.
"""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from bulkput.ledger.ledger import Ledger
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.duration import format_duration
from bulkput.model.errors import TemporaryError
from bulkput.model.progress import Progress
from bulkput.model.runs import runs
from bulkput.pipeline.baseline import Baseline
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.decide import decide
from bulkput.pipeline.hashing import HashedWindow

_LOOKS_PER_LIMIT = 30
"""How often quiet is looked for within its limit: 15 min are noticed to half a minute."""

Put = Callable[[HeldBlock], Awaitable[None]]


class Uploader:
    """Takes hashed windows, puts what must be put, and keeps the first failure."""

    def __init__(
        self,
        *,
        inputs: Channel[HashedWindow],
        put: Put,
        sending: set[asyncio.Task[None]],
        begun: set[asyncio.Task[None]],
        stopping: asyncio.Event,
        is_short: asyncio.Event,
        short_puts: int,
        ledger: Ledger,
        baseline: Baseline,
        clock: Clock,
        budget: ByteBudget,
        can_reread: bool,
        progress: Progress,
        put_holes: bool,
        skip_zeros: bool,
        give_up_after_s: float,
    ) -> None:
        self._inputs = inputs
        self._put = put
        self._sending = sending
        self._begun = begun
        self._stopping = stopping
        self._is_short = is_short
        self._short_puts = short_puts
        self._ledger = ledger
        self._baseline = baseline
        self._clock = clock
        self._budget = budget
        self._can_reread = can_reread
        self._progress = progress
        self._put_holes = put_holes
        self._skip_zeros = skip_zeros
        self._give_up_after_s = give_up_after_s
        self._puts: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Settle every block that comes in; ends when all puts are acknowledged.

        Raises:
            BulkputError: the first final failure of any put.
        """
        watch = asyncio.create_task(self._watch())
        work = asyncio.create_task(self._settle_all())
        try:
            await asyncio.wait({watch, work}, return_when=asyncio.FIRST_COMPLETED)
            await (watch if watch.done() else work)
        finally:
            for task in (watch, work):
                task.cancel()
            await asyncio.gather(watch, work, return_exceptions=True)

    async def drain(self, grace_s: float) -> None:
        """Start nothing more, let the puts in flight end within ``grace_s``, cancel the rest.

        Cancelled itself, it cancels them at once: no put outlives it.
        """
        self._stopping.set()
        for task in self._puts - self._sending:
            task.cancel()
        try:
            if self._puts:
                await asyncio.wait(self._puts, timeout=grace_s)
        finally:
            for task in self._puts:
                task.cancel()
            if self._puts:
                await asyncio.wait(self._puts)

    async def _settle_all(self) -> None:
        async for hashed in self._inputs:
            self._settle(hashed)
        while self._puts:
            await asyncio.wait(self._puts)

    def _settle(self, hashed: HashedWindow) -> None:
        window = hashed.window
        start, stop = window.start, window.start + window.block_count
        states = self._ledger.states(start, stop)
        may_skip = not self._put_holes if hashed.is_hole else self._skip_zeros
        decision = decide(
            hashed,
            states,
            self._ledger.digests(start, stop),
            self._baseline,
            skip_zeros=may_skip,
        )
        self._progress.blocks_resumed += int(np.count_nonzero(decision.resumed))
        for run in runs(decision.skipped):
            self._progress.blocks_skipped_zero += run.block_count
            self._ledger.mark_skipped_zero(start + run.start, start + run.stop)
        for run in runs(decision.unchanged):
            self._progress.blocks_unchanged += run.block_count
            self._ledger.mark_unchanged(start + run.start, start + run.stop)
        puts = np.flatnonzero(decision.put).tolist()
        for position in puts:
            block = HeldBlock(
                start + position,
                hashed.digests[position].tobytes(),
                window,
                self._budget,
                can_be_reread=self._can_reread,
            )
            task = asyncio.create_task(self._put_one(block))
            self._puts.add(task)
            task.add_done_callback(self._ended)
        self._tell_whether_short()
        if not puts:
            window.close()
        elif len(puts) < window.block_count:
            for position in np.flatnonzero(~decision.put).tolist():
                window.release(start + position)
        self._budget.release((window.block_count - len(puts)) * BLOCK_SIZE_BYTES)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._puts.discard(task)
        self._tell_whether_short()

    def _tell_whether_short(self) -> None:
        """Tell the hashers whether fewer blocks wait for their turn than one window has.

        Those that wait for a repeat are not counted: their bytes were let go.
        """
        if len(self._puts) - len(self._begun) < self._short_puts:
            self._is_short.set()
        else:
            self._is_short.clear()

    async def _put_one(self, block: HeldBlock) -> None:
        try:
            await self._put(block)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the volume
            if not self._failed.done() and not self._stopping.is_set():
                self._failed.set_exception(error)

    async def _watch(self) -> None:
        """Raise the first failure, or give up when no put is acknowledged for too long."""
        acknowledged, quiet_since_s = -1, self._clock.monotonic_s()
        while not self._failed.done():
            now_s = self._clock.monotonic_s()
            if self._progress.blocks_put != acknowledged or not self._puts:
                acknowledged, quiet_since_s = self._progress.blocks_put, now_s
            elif now_s - quiet_since_s >= self._give_up_after_s:
                raise TemporaryError(
                    f"no put was acknowledged for {format_duration(self._give_up_after_s)}"
                )
            await asyncio.wait({self._failed}, timeout=self._give_up_after_s / _LOOKS_PER_LIMIT)
        self._failed.result()
