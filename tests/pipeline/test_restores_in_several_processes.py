"""A download is the same however many processes bring its blocks, and whichever of them die."""

import asyncio
import hashlib
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lanes_in_memory import MemoryLane, crew_in_memory, join
from virtual_time import run_virtual

from bulkput.ebs.snapshot import GotBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.model.disk_map import BlockFate
from bulkput.model.errors import IntegrityError, TemporaryError
from bulkput.model.progress import Progress
from bulkput.pipeline.block_writer import BlockWriter, WantedBlock, WrittenBlock
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.restore import RestoreCounts, RestoreParts, restore

CONTENTS = [bytes(BLOCK_SIZE_BYTES), *(bytes([each]) * BLOCK_SIZE_BYTES for each in (1, 2))]
GOT = [GotBlock(content, hashlib.sha256(content).digest()) for content in CONTENTS]
BLOCKS = st.lists(st.sampled_from([None, "zeros", 0, 1, 2]), min_size=1, max_size=60)
"""By index: not listed, to be made zeros, or which content is got."""


class Disk:
    """A destination in memory, where everything was something else before."""

    kind = "device"

    def __init__(self, block_count):
        self.block_count = block_count
        self.blocks = ["old"] * block_count
        self.marks = {}
        self.is_full = False

    def write(self, index, content):
        if self.is_full:
            raise TemporaryError("the disk is full")
        self.blocks[index] = content[0]

    def zero(self, start, stop):
        self.blocks[start:stop] = [0] * (stop - start)

    def read(self, index):
        known = self.blocks[index]
        return CONTENTS[0 if known == "old" else known]

    def settle(self, index, digest):
        assert hashlib.sha256(self.read(index)).digest() == digest
        self.marks[index] = digest


class Inline:
    count = 2

    async def run(self, work):
        await asyncio.sleep(0.001)
        return work()


class Rig:
    """One snapshot, one disk, and writers that bring the one to the other."""

    def __init__(self, blocks, earlier, seed, wreck):
        self.blocks, self.earlier, self.wreck = blocks, earlier, wreck
        self.rng = random.Random(seed)
        self.disk, self.counts, self.progress = Disk(len(blocks)), RestoreCounts(), Progress("disk")
        self.progress.begin_blocks(len(blocks))
        for index in earlier:
            if blocks[index] in (0, 1, 2):
                self.disk.blocks[index] = blocks[index]

    def digests(self, indexes):
        known = [self.blocks[index] if index in self.earlier else None for index in indexes]
        return [GOT[each].digest if each in (0, 1, 2) else None for each in known]

    async def listed(self):
        wanted = [
            WantedBlock(index, None if block == "zeros" else str(block))
            for index, block in enumerate(self.blocks)
            if block is not None
        ]
        for at in range(0, len(wanted), 19):
            yield wanted[at : at + 19]

    async def get(self, index, token):
        await asyncio.sleep(self.rng.random())
        return GOT[int(token)]

    def writer(self, held_blocks):
        budget = ByteBudget(held_blocks * BLOCK_SIZE_BYTES)
        made = BlockWriter(self.disk, self.disk, self.get, Inline(), budget, is_blank=False)
        return self.wreck(made)

    def parts(self):
        return RestoreParts(
            target=self.disk,
            restoration=SimpleNamespace(digests=self.digests),
            list_wanted=self.listed,
            write=self.writer(12).write,
            workers=Inline(),
            progress=self.progress,
            counts=self.counts,
            zero_others_from=0,
            others_are_zeros=True,
        )

    async def together(self, lanes):
        """Restore beside lanes, some of which are killed."""
        parts = self.parts()
        with crew_in_memory(parts.write, held_blocks=12) as crew:
            for number in range(lanes):
                lane = MemoryLane(str(number), self.writer(4).write, self.rng)
                join(crew, lane)
                if self.rng.random() < 0.5:
                    asyncio.get_running_loop().call_later(self.rng.random() * 3, kill, lane)
            spread = replace(parts, write=lambda group: crew.do(group, len(group.blocks)))
            await crew.run(restore(spread))


def kill(lane):
    if lane in lane.crew.lanes:
        lane.kill()


def restored(blocks, earlier=(), *, lanes=0, seed=0, wreck=lambda writer: writer):
    """Return the disk, the counts and the progress; ``wreck`` may change the writers."""
    rig = Rig(blocks, earlier, seed, wreck)
    run_virtual(rig.together(lanes) if lanes else restore(rig.parts()))
    return rig.disk, rig.counts, rig.progress


@settings(max_examples=100, deadline=None)
@given(BLOCKS, st.sets(st.integers(0, 59)), st.integers(0, 99))
def test_however_many_processes_bring_them_the_blocks_and_counts_are_the_same(
    blocks, earlier, seed
):
    earlier = {index for index in earlier if index < len(blocks)}
    results = [restored(blocks, earlier, lanes=lanes, seed=seed) for lanes in (0, 1, 2)]
    for disk, counts, progress in results:
        assert disk.blocks == [each if each in (1, 2) else 0 for each in blocks]
        assert progress.blocks_restored == len(blocks)
        assert counts == results[0][1]
        assert progress.disk.as_dict()["cells"] == results[0][2].disk.as_dict()["cells"]


def test_what_an_earlier_run_brought_and_somebody_overwrote_is_brought_again():
    def overwrite(writer):
        writer.target.blocks[3] = 2
        return writer

    disk, counts, _ = restored([1] * 20, set(range(10)), lanes=1, wreck=overwrite)
    assert disk.blocks == [1] * 20
    assert (counts.got, counts.resumed) == (11, 9)


@pytest.mark.parametrize("lanes", [0, 1, 2])
def test_a_disk_that_is_full_ends_it_in_the_same_words(lanes):
    def fill(writer):
        writer.target.is_full = True
        return writer

    with pytest.raises(TemporaryError, match="the disk is full"):
        restored([1] * 60, lanes=lanes, wreck=fill)


@pytest.mark.parametrize("lanes", [0, 1, 2])
def test_bytes_that_are_not_the_manifests_end_it_whoever_gets_them(lanes):
    def damage(writer):
        async def get(index, _token):
            raise IntegrityError(f"block {index} was answered with other bytes")

        return replace(writer, get=get)

    with pytest.raises(IntegrityError, match="answered with other bytes"):
        restored([1] * 60, lanes=lanes, wreck=damage)


def test_zeros_are_written_where_a_lane_that_died_may_have_written_something_else():
    """A snapshot that changes its answer: the second one counts, also where it is zeros."""
    disk = Disk(1)
    disk.blocks[0] = 2

    async def get(_index, _token):
        return GOT[0]

    async def main():
        budget = ByteBudget(BLOCK_SIZE_BYTES)
        writer = BlockWriter(disk, disk, get, Inline(), budget, is_blank=False)
        with crew_in_memory(writer.write, held_blocks=1) as crew:
            group = SimpleNamespace(blocks=(WantedBlock(0, "0"),), digests=(None,))
            return await crew.run(crew.do(group, 1))

    (written,) = run_virtual(main())
    assert written.is_zero
    assert disk.blocks == [0]
    assert disk.marks == {0: ZERO_BLOCK_DIGEST}


def test_no_more_groups_are_ahead_than_their_tokens_may_take_and_all_come(monkeypatch):
    monkeypatch.setattr("bulkput.pipeline.restore._AHEAD_GROUPS", 3)
    rig = Rig([1] * 80, (), 0, lambda writer: writer)
    under_way, most = 0, 0

    async def write(group):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(rig.rng.random())
        under_way -= 1
        return [
            WrittenBlock(each.index, BlockFate.DATA, is_got=True, is_zero=False)
            for each in group.blocks
        ]

    run_virtual(restore(replace(rig.parts(), write=write)))
    assert most == 3
    assert rig.progress.blocks_restored == 80
