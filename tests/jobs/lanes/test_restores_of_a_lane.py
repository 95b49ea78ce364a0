"""A lane that brings blocks to a destination: what it opens, checks, writes and lets go of."""

import asyncio
import hashlib
import os
import time
from types import SimpleNamespace

import pytest
from support.inline_workers import Inline
from support.snapshots import write_manifest

from bulkput.config.service import ServiceSettings
from bulkput.destination.destination import Target
from bulkput.ebs.snapshot import GotBlock
from bulkput.jobs.download.bring_blocks import Bringing
from bulkput.jobs.lanes.lane_restore import LaneRestore
from bulkput.jobs.lanes.lane_volume import LaneTools
from bulkput.jobs.lanes.protocol import CallShare, LaneReady, NoMoreWork, Share, Work, WorkDone
from bulkput.ledger.download_state import Restoration
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.model.clock import LoopClock
from bulkput.model.disk_map import BlockFate
from bulkput.model.errors import IntegrityError, InUseError, LedgerError, ManifestError
from bulkput.model.progress import Progress
from bulkput.pipeline.block_writer import BlockWriter, WantedBlock, WantedGroup
from bulkput.pipeline.budget import ByteBudget

SNAPSHOT_ID = "snap-0123456789abcdef0"
OLD, NEW, ZEROS = (bytes([each]) * BLOCK_SIZE_BYTES for each in (1, 2, 0))
BLOCKS = 4
AT_ONCE = 2
"""As many blocks fit a lane's memory."""
ANSWER_S = 0.01
"""Longer than the pacer keeps two gets apart: else no more than two would ever be under way."""


def digest(content):
    return hashlib.sha256(content).digest()


class Origin:
    """Blocks by token; counts how many are held at a time."""

    def __init__(self):
        self.under_way = self.most = 0

    async def get_block(self, _snapshot_id, _index, token):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(ANSWER_S)
        self.under_way -= 1
        content = NEW if token == "new" else ZEROS
        return GotBlock(content, digest(content))


class Rig:
    """The job's side: a destination that holds something else, its state, and the order."""

    def __init__(self, folder):
        self.path = folder / "copy.img"
        self.path.write_bytes(OLD * BLOCKS)
        self.state = folder / "state"
        self.restoration = Restoration(self.state)
        self.restoration.open({"of": 1}, SNAPSHOT_ID, BLOCKS)
        self.target = Target(os.open(self.path, os.O_RDWR), self.path, "file", BLOCKS << 19)
        self.origin, self.progress = Origin(), Progress("copy.img")
        self.writer = BlockWriter(
            self.target,
            self.restoration.settled,
            get=None,
            workers=Inline(),
            budget=ByteBudget(8 << 19),
            is_blank=True,
        )
        self.heard = asyncio.Queue()
        self.parts = self.descriptors = None

    def crew(self, parts, do, _left_blocks):
        """Stand in for a pool's: keep what lanes would get, and do nothing."""
        self.parts, self.do = parts, do
        self.descriptors = [os.dup(each) for each in parts.descriptors]
        raise _KeptError

    async def lane(self, manifest=None):
        """Return a lane that was given the download by the job's own order."""
        get = SimpleNamespace(snapshot_id=SNAPSHOT_ID, pacer=None)
        gets = SimpleNamespace(
            rate_limits=SimpleNamespace(snapshot_gets_per_s=1000.0),
            in_flight_max=lambda _: 8,
            tuning=SimpleNamespace(shutdown_grace_s=1.0),
            on_warning=lambda _: None,
            observer=None,
            clock=None,
        )
        parts = SimpleNamespace(
            progress=self.progress, target=self.target, restoration=self.restoration
        )
        lanes = SimpleNamespace(get_crew=self.crew)
        retrier = SimpleNamespace(snapshot_started_s=time.monotonic())
        with pytest.raises(_KeptError):
            await Bringing(gets, get, retrier, manifest, parts, self.writer, lanes).run()
        service = SimpleNamespace(clock=LoopClock(), data=self.origin)
        tools = LaneTools(ServiceSettings(), service, Inline(), self.heard.put_nowait)
        return LaneRestore(self.parts.order, self.descriptors, tools)

    def close(self):
        self.target.close()
        self.restoration.close()


class _KeptError(Exception):
    pass


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    yield made
    made.close()


def group(*wanted):
    """Return blocks that follow each other, by token, and of an earlier run's content."""
    blocks = tuple(WantedBlock(index, token) for index, (token, _) in enumerate(wanted))
    return WantedGroup(blocks, tuple(known and digest(known) for _, known in wanted))


async def worked(rig, *items, manifest=None):
    """Have a lane do works, and return what came of each."""
    lane = await rig.lane(manifest)
    running = asyncio.create_task(lane.run())
    lane.take(Share((CallShare(1e6, 1e6, 8),), AT_ONCE * BLOCK_SIZE_BYTES))
    for number, item in enumerate(items):
        lane.take(Work(number, item))
    lane.take(NoMoreWork())
    await running
    said = [rig.heard.get_nowait() for _ in range(rig.heard.qsize())]
    assert said.pop(0) == LaneReady()
    assert all(isinstance(each, WorkDone) for each in said)
    return [each.result for each in sorted(said)]


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_what_was_there_before_is_no_more_be_it_bytes_zeros_or_a_hole_now(rig):
    (written,) = await worked(
        rig, group(("new", None), ("zeros", None), (None, None), ("new", OLD))
    )
    assert rig.path.read_bytes() == NEW + ZEROS + ZEROS + OLD
    assert [each.fate for each in written] == [
        BlockFate.DATA,
        BlockFate.ZEROS,
        BlockFate.SKIPPED_HOLE,
        BlockFate.RESUMED,
    ]
    assert not rig.do.__self__.is_blank, "the job itself would leave what a dead lane wrote"
    rig.restoration.is_fresh = False  # as the next run finds it
    assert rig.restoration.digests([0, 1, 2, 3]) == [
        digest(NEW),
        ZERO_BLOCK_DIGEST,
        ZERO_BLOCK_DIGEST,
        None,  # settled by the earlier run, whose table it is
    ]


async def test_a_lane_holds_no_more_than_its_memory_and_gives_it_back(rig):
    every = group(*[("new", None)] * BLOCKS)
    assert len(await worked(rig, every, every, every)) == 3
    assert rig.origin.most == AT_ONCE


async def test_the_lock_is_held_as_long_as_a_lane_may_write_and_not_longer(rig):
    lane = await rig.lane()
    running = asyncio.create_task(lane.run())
    assert await rig.heard.get() == LaneReady()
    rig.close()  # as when the job is killed
    with pytest.raises(InUseError):
        Restoration(rig.state)
    assert is_open(rig.descriptors[0])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(is_open(each) for each in rig.descriptors)
    Restoration(rig.state).close()


async def test_a_table_that_is_cut_ends_the_lane_which_lets_go_of_everything(rig):
    os.truncate(rig.restoration.table.path, 100)
    with pytest.raises(LedgerError, match="was damaged while in use"):
        await worked(rig)
    assert not any(is_open(each) for each in rig.descriptors)
    assert rig.path.read_bytes() == OLD * BLOCKS


async def test_what_a_lane_gets_is_held_to_the_manifest_that_the_job_has_open(rig, tmp_path):
    path = write_manifest(tmp_path / "manifest", SNAPSHOT_ID, {0: NEW, 1: OLD})
    with Manifest.open(path, is_named=True) as manifest:
        await worked(rig, group(("new", None)), manifest=manifest)
        with pytest.raises(IntegrityError, match=r"block 1 .*answered with other bytes"):
            await worked(rig, group(("new", None), ("new", None)), manifest=manifest)
        assert rig.path.read_bytes()[BLOCK_SIZE_BYTES:] == OLD * (BLOCKS - 1)
        path.unlink()
        write_manifest(path, "snap-0123456789abcdef1", {0: NEW, 1: NEW})
        with pytest.raises(ManifestError, match="was replaced while in use"):
            await worked(rig, group(("new", None)), manifest=manifest)
    assert not any(is_open(each) for each in rig.descriptors)


async def test_a_stop_closes_nothing_under_a_write(rig):
    """A second cancellation, as of a signal behind a stop, does not hurry it either."""
    began, may_end, states = asyncio.Event(), asyncio.Event(), []

    class Slow:
        count = 1

        async def run(self, work):
            if began.is_set() or rig.heard.empty():  # it opens its files yet
                return work()
            began.set()
            await may_end.wait()
            states.append([is_open(each) for each in rig.descriptors])
            return work()

    lane = await rig.lane()
    object.__setattr__(lane.tools, "workers", Slow())
    running = asyncio.create_task(lane.run())
    lane.take(Share((CallShare(1e6, 1e6, 8),), BLOCK_SIZE_BYTES))
    lane.take(Work(0, group(("new", None))))
    await began.wait()
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert states == [[True, True]]
    assert not any(is_open(each) for each in rig.descriptors)
    assert rig.path.read_bytes() == NEW + OLD * (BLOCKS - 1)
