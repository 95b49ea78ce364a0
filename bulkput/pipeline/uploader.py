"""The last stage: settles every block of every hashed window, with many puts in flight.

Each put is a task of its own; the byte budget bounds how many there are. Puts live outside the
stages' task group, so that a stop can let those in flight end.
"""

import asyncio

import numpy as np

from bulkput.ledger.record import may_be_in_snapshot
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.disk_map import BlockFate
from bulkput.model.duration import format_duration
from bulkput.model.errors import TemporaryError
from bulkput.model.runs import runs
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.decide import decide
from bulkput.pipeline.hashing import HashedWindow
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.put import PutPath

_LOOKS_PER_LIMIT = 30
"""How often quiet is looked for within its limit: 15 min are noticed to half a minute."""


class Uploader:
    """Takes hashed windows, puts what must be put, and keeps the first failure."""

    def __init__(
        self,
        parts: UploadParts,
        policy: UploadPolicy,
        *,
        inputs: Channel[HashedWindow],
        put: PutPath,
        backlog: Backlog,
        stopping: asyncio.Event,
    ) -> None:
        """Work with ``parts`` under ``policy``.

        Args:
            parts: What the upload works with.
            policy: What is left out, and when to give up.
            inputs: Windows whose bytes count against the parts' budget, which gets back what is
                not put; a block that is put gives its part back itself.
            put: The way of one block.
            backlog: Counts the blocks that wait for their first put.
            stopping: Set when no new attempt may start.
        """
        self._ledger = parts.ledger
        self._baseline = parts.baseline
        self._clock = parts.clock
        self._progress = parts.progress
        self._tally = parts.tally
        self._can_reread = not parts.source.is_sequential
        self._zeros = policy.zeros
        self._give_up_after_s = policy.give_up_after_s
        self._inputs = inputs
        self._put = put
        self._budget = parts.budget
        self._backlog = backlog
        self._stopping = stopping
        self._puts: set[asyncio.Task[None]] = set()
        # A result: an exception that nobody fetches, as after a stop, would be logged as a defect.
        self._failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

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
        for task in self._puts - self._put.in_flight:
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
        decision = decide(
            hashed,
            states,
            self._ledger.digests(start, stop),
            self._baseline,
            skip_zeros=self._zeros.skips(is_hole=hashed.is_hole),
        )
        tally = self._tally
        again = decision.put & may_be_in_snapshot(states)
        for run in runs(again, start):
            tally.place(BlockFate.REPEATED, run.start, run.stop)
        for run in runs(decision.resumed, start):
            tally.place(BlockFate.RESUMED, run.start, run.stop)
            tally.add("blocks_resumed", run.start, run.block_count)
        for run in runs(decision.skipped, start):
            self._ledger.mark_skipped_zero(run.start, run.stop)
            tally.place(BlockFate.SKIPPED_ZERO, run.start, run.stop)
            tally.add("blocks_skipped_zero", run.start, run.block_count)
        for run in runs(decision.unchanged, start):
            self._ledger.mark_unchanged(run.start, run.stop)
            tally.place(BlockFate.UNCHANGED, run.start, run.stop)
            tally.add("blocks_unchanged", run.start, run.block_count)
        puts = np.flatnonzero(decision.put).tolist()
        for position in puts:
            block = HeldBlock(
                start + position,
                hashed.digests[position].tobytes(),
                window,
                self._budget,
                can_be_reread=self._can_reread,
            )
            task = asyncio.create_task(self._put_one(block, is_again=bool(again[position])))
            self._puts.add(task)
            task.add_done_callback(self._puts.discard)
        self._backlog.add(len(puts))
        if not puts:
            window.close()
        elif len(puts) < window.block_count:
            for position in np.flatnonzero(~decision.put).tolist():
                window.release(start + position)
        self._budget.release((window.block_count - len(puts)) * BLOCK_SIZE_BYTES)

    async def _put_one(self, block: HeldBlock, *, is_again: bool) -> None:
        try:
            await self._put(block, is_again=is_again)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the volume
            if not self._failed.done() and not self._stopping.is_set():
                self._failed.set_result(error)

    async def _watch(self) -> None:
        """Raise the first failure, or give up when no put is acknowledged for too long."""
        acknowledged, quiet_since_s = -1, self._clock.monotonic_s()
        while not self._failed.done():
            now_s = self._clock.monotonic_s()
            moves = self._progress.blocks_put != acknowledged
            if moves or not self._puts or self._progress.is_paused:
                acknowledged, quiet_since_s = self._progress.blocks_put, now_s
            elif now_s - quiet_since_s >= self._give_up_after_s:
                raise TemporaryError(
                    f"no put was acknowledged for {format_duration(self._give_up_after_s)}"
                )
            await asyncio.wait({self._failed}, timeout=self._give_up_after_s / _LOOKS_PER_LIMIT)
        raise self._failed.result()
