"""What a comparison finds is what a naive one finds, for any source, manifest and snapshot."""

import asyncio
import hashlib
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lanes_in_memory import MemoryLane, crew_in_memory, join
from virtual_time import run_virtual

from bulkput.ebs.snapshot import GotBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST, Extent
from bulkput.model.difference import DifferenceKind
from bulkput.model.progress import Progress
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.comparing import Comparison
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.readback import ReadbackParts, Sample, compare
from bulkput.pipeline.reference import ManifestReference, SourceReference

ZEROS = bytes(BLOCK_SIZE_BYTES)
CONTENTS = [ZEROS, *(bytes([number]) * BLOCK_SIZE_BYTES for number in (1, 2))]
GOT = [GotBlock(content, hashlib.sha256(content).digest()) for content in CONTENTS]

BLOCKS = st.lists(st.sampled_from([None, None, 0, 1, 2]), min_size=1, max_size=50)
"""By index: a hole or an absent block, or which content."""


class FakeSource:
    is_sequential = False

    def __init__(self, blocks):
        self.blocks = blocks
        self.block_count = len(blocks)

    def extents(self, start=0):
        for index, block in enumerate(self.blocks):
            if block is not None:
                yield Extent(index, index + 1)

    def read_window(self, start, block_count):
        assert 0 <= start < start + block_count <= self.block_count
        return FakeWindow(self.blocks)


class FakeWindow:
    def __init__(self, blocks):
        self.blocks = blocks

    def block(self, index):
        return memoryview(CONTENTS[self.blocks[index] or 0])

    def release(self, index):
        pass

    def close(self):
        pass


class FakeManifest:
    def __init__(self, blocks, *, encrypted):
        self.blocks = blocks
        self.header = self
        self.block_count = len(blocks)
        self.encrypted = encrypted

    def extents(self):
        return FakeSource(self.blocks).extents()

    def present(self, start, stop):
        return np.array([self._at(index) is not None for index in range(start, stop)], bool)

    def digests(self, start, stop):
        rows = [self._at(index) for index in range(start, stop)]
        digests = b"".join(bytes(32) if row is None else GOT[row].digest for row in rows)
        return np.frombuffer(digests, np.uint8).reshape(-1, 32)

    def _at(self, index):
        return self.blocks[index] if index < len(self.blocks) else None


class Inline:
    count = 2

    async def run(self, work):
        await asyncio.sleep(0.01)
        return work()


async def compared_in_lanes(parts, sample, own, others, rng):
    """Compare beside lanes, each with its own ``Comparison``; some of them are killed."""
    if not others:
        return await compare(parts, sample)

    def kill(lane):
        if lane in lane.crew.lanes:
            lane.kill()

    with crew_in_memory(own.differences, held_blocks=16) as crew:
        for number, other in enumerate(others):
            lane = MemoryLane(str(number), other.differences, rng)
            join(crew, lane)
            if rng.random() < 0.5:
                asyncio.get_running_loop().call_later(rng.random() * 3, kill, lane)
        spread = replace(parts, differences=lambda piece: crew.do(piece, len(piece.tokens)))
        return await crew.run(compare(spread, sample))


def found_by_compare(snapshot, references, sample=None, seed=0, lanes=0):
    """Return (reference, kind, block) of everything reported, the ranges, and the progress."""
    delays = random.Random(seed)
    reported = []
    progress = Progress("v")
    progress.begin_blocks(max(each.block_count for each in references))

    async def list_pages():
        items = [
            ListedBlock(index, str(block))
            for index, block in enumerate(snapshot)
            if block is not None
        ]
        for at in range(0, len(items), 7):
            yield Page(tuple(items[at : at + 7]), None, 1)

    async def get(index, token):
        await asyncio.sleep(delays.random())
        return GOT[int(token)]

    def comparison(held_blocks):
        return Comparison(references, get, Inline(), ByteBudget(held_blocks * BLOCK_SIZE_BYTES))

    async def compared_together():
        own = comparison(16)
        parts = ReadbackParts(
            references=references,
            list_pages=list_pages,
            differences=own.differences,
            workers=Inline(),
            progress=progress,
            piece_blocks=4,
            on_difference=reported.append,
        )
        others = [comparison(5) for _ in range(lanes)]
        compared = await compared_in_lanes(parts, sample, own, others, delays)
        assert not own.budget.in_use_bytes
        assert own.budget.peak_bytes <= 16 * BLOCK_SIZE_BYTES
        return compared

    compared = run_virtual(compared_together())
    blocks = [
        (each.reference, each.kind, index)
        for each in reported
        for index in range(each.start, each.stop)
    ]
    return blocks, reported, compared, progress


def naive(expected, snapshot, name, *, encrypted):
    """Return the same by looking at every block."""
    kinds = []
    for index in range(max(len(expected), len(snapshot))):
        want = expected[index] if index < len(expected) else None
        got = snapshot[index] if index < len(snapshot) else None
        if got is None:
            must_be_there = want is not None if name == "manifest" else index < len(expected)
            if want in (1, 2) or (encrypted and must_be_there):
                kinds.append((name, DifferenceKind.MISSING, index))
        elif got != (want or 0):
            extra = want is None if name == "manifest" else not want
            kind = DifferenceKind.EXTRA if extra else DifferenceKind.DIFFERS
            kinds.append((name, kind, index))
    return kinds


@settings(max_examples=150, deadline=None)
@given(BLOCKS, BLOCKS, BLOCKS, st.booleans(), st.integers(0, 99))
def test_everything_that_differs_is_reported_once_and_in_order(
    source, manifest, snapshot, encrypted, seed
):
    references = [
        SourceReference(FakeSource(source), encrypted=encrypted),
        ManifestReference(FakeManifest(manifest, encrypted=encrypted)),
    ]
    for name, expected, reference in zip(
        ("source", "manifest"), (source, manifest), references, strict=True
    ):
        blocks, reported, _, progress = found_by_compare(snapshot, [reference], seed=seed)
        assert blocks == naive(expected, snapshot, name, encrypted=encrypted)
        assert progress.blocks_verified == progress.blocks_total
        for one, other in itertools.pairwise(reported):
            assert (one.stop, one.kind) != (other.start, other.kind)
    together, *_ = found_by_compare(snapshot, references, seed=seed)
    assert sorted(together) == sorted(
        naive(source, snapshot, "source", encrypted=encrypted)
        + naive(manifest, snapshot, "manifest", encrypted=encrypted)
    )


@settings(max_examples=100, deadline=None)
@given(BLOCKS, BLOCKS, st.integers(1, 60), st.integers(0, 99))
def test_a_sample_has_its_size_and_finds_nothing_that_is_not_there(source, snapshot, size, seed):
    reference = SourceReference(FakeSource(source), encrypted=False)
    blocks, _, compared, progress = found_by_compare(snapshot, [reference], Sample(size, seed))
    there = {index for index, block in enumerate(source) if block is not None}
    there |= {index for index, block in enumerate(snapshot) if block is not None}
    assert compared == min(size, len(there)) == progress.blocks_verified
    assert set(blocks) <= set(naive(source, snapshot, "source", encrypted=False))
    if size >= len(there):
        assert blocks == naive(source, snapshot, "source", encrypted=False)


@settings(max_examples=80, deadline=None)
@given(BLOCKS, BLOCKS, BLOCKS, st.integers(0, 99), st.sampled_from([None, 1, 9, 60]))
def test_however_many_processes_compare_the_report_is_the_same(
    source, manifest, snapshot, seed, size
):
    references = [
        SourceReference(FakeSource(source), encrypted=False),
        ManifestReference(FakeManifest(manifest, encrypted=False)),
    ]
    sample = None if size is None else Sample(size, seed)
    alone, together, three = (
        found_by_compare(snapshot, references, sample, seed, lanes) for lanes in (0, 1, 2)
    )
    assert together[:3] == three[:3] == alone[:3]
    for progress in (together[3], three[3]):
        assert progress.blocks_verified == alone[3].blocks_verified
        assert progress.disk.as_dict() == alone[3].disk.as_dict()


def test_every_block_has_the_same_chance_to_be_in_a_sample():
    snapshot = [1] * 20
    reference = SourceReference(FakeSource([2] * 20), encrypted=False)
    hits = [0] * 20
    for seed in range(600):
        blocks, *_ = found_by_compare(snapshot, [reference], Sample(5, seed))
        for _, _, index in blocks:
            hits[index] += 1
    assert sum(hits) == 600 * 5
    assert all(100 < each < 200 for each in hits)  # 150 each; 5 standard deviations are 53


def test_the_digest_of_a_block_of_zeros_is_known():
    assert GOT[0].digest == ZERO_BLOCK_DIGEST


def test_a_get_that_fails_ends_the_comparison_and_what_was_found_is_reported():
    async def list_pages():
        yield Page((ListedBlock(0, "1"), ListedBlock(40, "bad")), None, 1)

    async def get(index, token):
        await asyncio.sleep(index)
        if token == "bad":
            raise ConnectionError
        return GOT[int(token)]

    reported = []
    references = [SourceReference(FakeSource([2] * 50), encrypted=False)]
    parts = ReadbackParts(
        references=references,
        list_pages=list_pages,
        differences=Comparison(
            references, get, Inline(), ByteBudget(2 * BLOCK_SIZE_BYTES)
        ).differences,
        workers=Inline(),
        progress=Progress("v"),
        piece_blocks=2,
        on_difference=reported.append,
    )
    with pytest.raises(ConnectionError):
        run_virtual(compare(parts))
    assert reported[0].start == 0
    assert reported[0].kind is DifferenceKind.DIFFERS
