"""Increments, each cut short and gone on with, against a dict of blocks."""

import contextlib
import hashlib
import os
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bulkput.emulator.faults import Fault, FaultKind
from bulkput.jobs.download.download_snapshot import download_snapshot
from bulkput.jobs.download.request import DownloadRequest
from bulkput.model.errors import ServiceError

BLOCK = 524_288
ZERO = 0


class Disk:
    """A disk as a dict: index to seed, 0 is zeros that are written; the rest are holes."""

    def __init__(self, rng, *, may_outgrow):
        self.rng = rng
        self.may_outgrow = may_outgrow
        self.block_count = rng.randrange(8, 24)
        self.blocks = {}
        self.mutate()

    def mutate(self):
        rng = self.rng
        if rng.random() < 0.25:
            self.block_count += rng.randrange(1, 6)
        elif rng.random() < 0.15:
            self.block_count = max(1, self.block_count - rng.randrange(1, 6))
        if self.may_outgrow and rng.random() < 0.1:
            self.block_count += 2048  # a GiB, most of it one hole
            self.may_outgrow = False
        for _ in range(rng.randrange(0, 8)):
            index = rng.randrange(self.block_count)
            what = rng.random()
            if what < 0.55:
                self.blocks[index] = rng.randrange(1, 1000)
            elif what < 0.75:
                self.blocks[index] = ZERO
            else:
                self.blocks.pop(index, None)
        self.blocks = {i: seed for i, seed in self.blocks.items() if i < self.block_count}

    def digests(self, tools, stop):
        """Return the digest of every block up to ``stop``; behind the end are zeros."""
        return {index: tools.digest(self.blocks.get(index, ZERO)) for index in range(stop)}


def shown_to_a_reader(tools, found, stop):
    """Return the digest of every block up to ``stop``, absent ones being zeros."""
    assert max(found, default=0) < stop
    return {index: found.get(index, tools.digest(ZERO)) for index in range(stop)}


def assert_holds(tools, path, disk):
    """Compare a file with the disk, and see that it takes no room for what is zeros."""
    fd = os.open(path, os.O_RDONLY)
    try:
        assert os.fstat(fd).st_size == disk.block_count * BLOCK
        room, at = 0, 0
        for index in range(disk.block_count):
            if index in disk.blocks:
                found = hashlib.sha256(os.pread(fd, BLOCK, index * BLOCK)).digest()
                assert found == tools.digest(disk.blocks[index]), index
                room += disk.blocks[index] != ZERO
            elif at <= index * BLOCK:  # a hole, unless there are bytes
                at = next_data(fd, index * BLOCK)
                assert at >= min(index + 1, disk.block_count) * BLOCK, index
        assert os.fstat(fd).st_blocks * 512 <= room * BLOCK + BLOCK // 2
    finally:
        os.close(fd)


def next_data(fd, at):
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError:
        return os.fstat(fd).st_size


def puts_needed(tools, disk, parent, *, encrypted):
    """Return which blocks a child must be given: the model's own words for the rule."""
    needed = set()
    for index in range(max(disk.block_count, max(parent, default=-1) + 1)):
        now = tools.digest(disk.blocks.get(index, ZERO))
        if index in parent:
            changed = parent[index] != now
        else:
            changed = encrypted or now != tools.digest(ZERO)
        if changed:
            needed.add(index)
    return needed


@pytest.fixture
def download(rig, monkeypatch):
    """Download in this process, by the service that is open already."""

    @contextlib.asynccontextmanager
    async def opened(*_):
        yield rig.context.gets

    async def download(snapshot_id, path, **more):
        request = DownloadRequest(snapshot_id, path, **more)
        return await download_snapshot(rig.context.settings, request, None)

    monkeypatch.setattr("bulkput.jobs.download.download_snapshot.open_snapshot_reader", opened)
    return download


async def follow(rig, rng, download, parent_id, outcome, held):
    """Bring what changed to ``held``, at times in two goes."""
    if outcome.blocks["put"] and rng.random() < 0.5:
        nth = rng.randrange(outcome.blocks["put"]) + 1
        fault = Fault(kind=FaultKind.ACCESS_DENIED, operation="GetSnapshotBlock", nth=nth)
        rig.emulator.faults.add(fault)
        with pytest.raises(ServiceError):
            await download(outcome.snapshot_id, held, changed_since=parent_id)
        rig.no_faults()
    await download(outcome.snapshot_id, held, changed_since=parent_id)


@pytest.mark.parametrize(
    ("generations", "encrypted"),
    [(10, False), (6, True), pytest.param(20, False, marks=pytest.mark.long)],
)
async def test_every_generation_is_what_the_disk_was(
    rig, tools, download, tmp_path, generations, encrypted
):
    rng = random.Random(generations)
    await grow_a_chain(rig, tools, download, tmp_path, rng, generations, encrypted=encrypted)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(rng=st.randoms(use_true_random=False), encrypted=st.booleans())
async def test_every_generation_of_any_chain_is_what_the_disk_was(
    rig, tools, download, tmp_path_factory, rng, encrypted
):
    rig.no_faults()
    folder, generations = tmp_path_factory.mktemp("chain"), 6 if encrypted else 20
    await grow_a_chain(rig, tools, download, folder, rng, generations, encrypted=encrypted)


async def grow_a_chain(rig, tools, download, folder, rng, generations, *, encrypted):
    # An encrypted snapshot gets every block, holes too: a GiB of them would take its time.
    disk, image = Disk(rng, may_outgrow=not encrypted), folder / "disk.img"
    tools.write_image(image, disk.blocks, disk.block_count)
    outcome = await rig.done(image, encrypted=encrypted or None, verify="full")
    held, whole = folder / "held.img", folder / "whole.img"
    await download(outcome.snapshot_id, held)
    assert_holds(tools, held, disk)
    for generation in range(generations):
        parent_id = outcome.snapshot_id
        parent = await rig.shown(parent_id)
        assert rig.kept(parent_id) == parent
        disk.mutate()
        tools.write_image(image, disk.blocks, disk.block_count)
        needed = puts_needed(tools, disk, parent, encrypted=encrypted)
        flags = {"parent": parent_id, "resume": rng.choice(["auto", "verify", "trust"])}
        begun, changed_meanwhile = None, False
        if needed and rng.random() < 0.8:
            begun = await rig.cut_short(image, rng.randrange(len(needed)), **flags)
            assert begun.exit_code == 4, begun.error
            rig.no_faults()
            if rng.random() < 0.4:
                changed_meanwhile = True
                disk.mutate()
                tools.write_image(image, disk.blocks, disk.block_count)
                needed = puts_needed(tools, disk, parent, encrypted=encrypted)
        outcome = await rig.done(image, **flags, verify="full")
        blocks, stop = outcome.blocks, max(disk.block_count, max(parent, default=-1) + 1)
        assert outcome.parent_snapshot_id == parent_id
        assert rig.record(outcome.snapshot_id).parent_id == parent_id
        assert blocks["total"] == sum(blocks[key] for key in blocks if key != "total")
        if changed_meanwhile:
            assert blocks["put"] + blocks["resumed"] >= len(needed)
        else:
            assert blocks["put"] + blocks["resumed"] == len(needed), generation
            assert begun is None or begun.snapshot_id == outcome.snapshot_id
        shown = await rig.shown(outcome.snapshot_id)
        assert shown_to_a_reader(tools, shown, stop) == disk.digests(tools, stop)
        if encrypted:
            assert set(range(disk.block_count)) <= set(shown)
        assert rig.kept(outcome.snapshot_id) == shown
        await follow(rig, rng, download, parent_id, outcome, held)
        assert_holds(tools, held, disk)
        if generation % 4 == 0:
            await download(outcome.snapshot_id, whole, force=True)
            assert_holds(tools, whole, disk)
