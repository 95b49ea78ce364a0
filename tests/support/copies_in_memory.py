"""A copy by this process and lanes that are coroutines of it; both services are dictionaries.

The crew, the lanes' side of it and the pipelines are the program's own, and so is the table; what
travels between them is pickled. Lanes die at moments that the test draws.
"""

import asyncio
import os
import pickle
import random
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace

from support.copied_world import content
from support.ledgers import SNAPSHOT_ID, start
from support.snapshots import write_manifest
from support.upload_parts import Clock, NoRecovery

from bulkput.config.service import ServiceSettings
from bulkput.jobs.copy.incremental import Changes
from bulkput.jobs.copy.snapshot_source import SnapshotSource
from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot
from bulkput.jobs.lanes.copy_crew import CopyCrew
from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.lane_copy import LaneCopy
from bulkput.jobs.lanes.lane_volume import LaneTools
from bulkput.jobs.lanes.orders import PutOrder, SharedManifest
from bulkput.jobs.lanes.protocol import CallKind, LaneLeft, LaneProgress
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity
from bulkput.ledger.ledger import TABLE_NAME
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.record import State
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError
from bulkput.model.progress import Progress
from bulkput.model.zeros import ZeroPolicy
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.baseline import NoBaseline, nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.list_check import ListedBlocks
from bulkput.pipeline.paced_call import PacedCall
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.span_queue import SpanQueue
from bulkput.pipeline.tally import ProgressTally
from bulkput.pipeline.upload import upload_blocks
from bulkput.pipeline.workers import ThreadWorkers
from bulkput.planning.zeros import resolve_zero_policy

SOURCE_ID = "snap-0123456789abcdef0"
PARENT_ID = "snap-00000000000000aaa"
HELD_BLOCKS = 12


class MemoryLane:
    """One lane: the program's own ``LaneCopy``; what it sends and hears is pickled."""

    def __init__(self, name, world, settings, crew):
        self.name, self.crew = name, crew
        self.busy_share = 0.0
        self.is_dead = False
        self.copy = self._task = None
        self.service = SimpleNamespace(clock=Clock(), data=world, recover=NoRecovery().recover)
        tools = LaneTools(settings, self.service, None, self._report)
        self._tools = LaneTools(settings, self.service, None, self._report, source=tools)

    def order(self, order, descriptors):
        duplicates = [os.dup(each) for each in descriptors]
        self.copy = LaneCopy(pickle.loads(pickle.dumps(order)), duplicates, self._tools)
        self._task = asyncio.create_task(self._run())

    def send(self, message):
        message = pickle.loads(pickle.dumps(message))
        asyncio.get_running_loop().call_soon(self._take, message)

    def stop(self):
        self._task.cancel()

    def kill(self):
        if not self.is_dead:
            self.is_dead = True
            self._task.cancel()
            asyncio.get_running_loop().call_soon(self.crew.lost, self, "it was killed")

    async def gone(self):
        await asyncio.wait({self._task})

    def count(self):
        reports = tuple(calls.report() for calls in self.copy.calls)
        self._report(LaneProgress(reports, 0.0, self.copy.budget.claimed_bytes))

    def _take(self, message):
        if not self.is_dead and not self._task.done():
            self.copy.take(message)

    def _report(self, message):
        if not self.is_dead:
            message = pickle.loads(pickle.dumps(message))
            asyncio.get_running_loop().call_soon(self.crew.hear, self, message)

    async def _run(self):
        error = None
        try:
            await self.copy.run()
        except BulkputError as failure:
            error = failure
        finally:
            self.count()
            self._report(LaneLeft(error))


@dataclass
class Copied:
    """What is known at the end."""

    progress: Progress
    gets: Progress
    budget: ByteBudget
    peaks_blocks: list[int]
    notes: list[str]


class CopyInMemory:
    """The job's side of one copy."""

    def __init__(self, folder, world, *, zeros=ZeroPolicy.SKIP):
        self.folder, self.world = folder, world
        self.progress, self.gets = Progress("disk"), Progress("disk")
        self.clock, self.settings = Clock(), ServiceSettings()
        self.retrier = Retrier(self.clock, random.Random(1), NoRecovery(), deadline_s=60)
        self.zeros = resolve_zero_policy(zeros, encrypted=False)
        self.notes = []

    async def run(self, lanes=0, *, on_lanes=lambda lanes: None):
        """Copy with so many lanes, which ``on_lanes`` is given when they have joined."""
        with ExitStack() as stack:
            ledger = stack.enter_context(start(self.folder / "ledger"))
            workers = ThreadWorkers(4)
            stack.callback(workers.close)
            get = self._get_path()
            identity = SnapshotIdentity("http://127.0.0.1", "eu-west-1", SOURCE_ID, 1)
            source = SnapshotSource(identity, self.world, get, self.retrier)
            stack.callback(source.close)
            parts = self._parts(source, ledger, workers, stack)
            calls = PacedCalls(CallKind.SOURCE_GETS, get.pacer, self.gets, 1e6, HELD_BLOCKS)
            copied = CopiedSnapshot(identity, source, calls, 0.0, None, parts.unchanged)
            policy = UploadPolicy(
                zeros=self.zeros,
                trust_ledger=False,
                window_blocks=4,
                give_up_after_s=60,
                shutdown_grace_s=5,
            )
            order = self._order(copied, ledger, policy, parts.baseline)
            crew = self._crew(parts, order, ledger, copied)
            members = [
                MemoryLane(str(each), self.world, self.settings, crew) for each in range(lanes)
            ]
            try:
                await self._copy(crew, members, upload_blocks(SNAPSHOT_ID, parts, policy), on_lanes)
            finally:
                await parts.spans.close()
                await source.aclose()
        peaks = [each.copy.budget.peak_bytes // BLOCK_SIZE_BYTES for each in members]
        return Copied(self.progress, self.gets, parts.budget, peaks, self.notes)

    async def _copy(self, crew, members, own, on_lanes):
        async def together():
            for lane in members:
                crew.join(lane)
            on_lanes(members)
            while crew.working != crew.lanes:  # noqa: ASYNC110 - no event says it
                await asyncio.sleep(0.001)
            await own

        async def look():
            while True:
                await asyncio.sleep(0.002)
                for lane in crew.lanes:
                    lane.count()
                crew.divide(asyncio.get_running_loop().time(), lambda *_: 1e6)

        looking = asyncio.create_task(look())
        try:
            await crew.run(together())
        finally:
            own.close()
            looking.cancel()
            await asyncio.gather(
                looking, *(lane.gone() for lane in members), return_exceptions=True
            )

    def _get_path(self):
        pacer = self._pacer()
        call = PacedCall(
            pacer=pacer, retrier=self.retrier, progress=self.gets, counts=self.gets.gets
        )
        return GetPath(
            snapshot_id=SOURCE_ID, origin=self.world, call=call, on_retry=lambda *_: None
        )

    def _pacer(self):
        return Pacer(
            ceiling_puts_per_s=1e6,
            in_flight_max=HELD_BLOCKS,
            account=AccountPacer(1e6),
            clock=self.clock,
        )

    def _parts(self, source, ledger, workers, stack):
        baseline, unchanged = NoBaseline(), nothing_is_known
        parent = self.world.parent
        if parent is not None:
            held = {index: content(letter) for index, letter in sorted(parent.items()) if letter}
            path = write_manifest(self.folder / "parent.manifest", PARENT_ID, held)
            baseline = stack.enter_context(Manifest.open(path))
            changed, blocks = ListedBlocks(2048), self.world.blocks
            changed.add(
                [
                    each
                    for each in sorted({*parent, *blocks})
                    if parent.get(each) != blocks.get(each)
                ]
            )
            unchanged = Changes(changed, 2048).unchanged
        self.progress.begin_blocks(2048)
        cut_holes = self.zeros.put_holes
        return UploadParts(
            source=source,
            spans=SpanQueue(source, workers, span_blocks=4, cut_holes=cut_holes),
            budget=ByteBudget(HELD_BLOCKS * BLOCK_SIZE_BYTES),
            ledger=ledger,
            sink=self.world,
            pacer=self._pacer(),
            retrier=self.retrier,
            workers=workers,
            clock=self.clock,
            progress=self.progress,
            tally=ProgressTally(self.progress),
            on_retry=lambda *_: None,
            baseline=baseline,
            unchanged=unchanged,
        )

    def _order(self, copied, ledger, policy, baseline):
        has_parent = isinstance(baseline, Manifest)
        return PutOrder(
            volume="disk",
            snapshot_id=SNAPSHOT_ID,
            snapshot_started_s=0.0,
            source=copied.shared(2048),
            table=ledger.folder / TABLE_NAME,
            block_count=2048,
            blank=State.UNKNOWN,
            zeros=policy.zeros,
            trust_ledger=False,
            window_blocks=2,
            parent=SharedManifest(baseline.path, baseline.header) if has_parent else None,
            window=None,
        )

    def _crew(self, parts, order, ledger, copied):
        puts = PacedCalls(CallKind.PUTS, parts.pacer, self.progress, 1e6, HELD_BLOCKS)
        crew_parts = CrewParts(
            calls=[puts, copied.calls],
            order=order,
            descriptors=(ledger.lock_descriptor,),
            budget=parts.budget,
            shutdown_grace_s=5.0,
            note=self.notes.append,
            observer=SimpleNamespace(on_event=lambda _: None),
            clock=self.clock,
        )

        def divide():
            crew.divide(asyncio.get_running_loop().time(), lambda *_: 1e6)

        crew = CopyCrew(crew_parts, divide, parts.spans, copied)
        return crew
