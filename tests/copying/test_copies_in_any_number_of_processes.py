"""A copy is the same however many processes make it, whichever die, and whichever tokens expire."""

import asyncio
import random

import pytest
from support.copied_world import ZEROS, FailingGets, World, content
from support.copies_in_memory import HELD_BLOCKS, CopyInMemory

from bulkput.model.errors import ServiceError, SourceError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

LETTERS = "abc"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("bulkput.jobs.lanes.put_crew.PORTION_BLOCKS", 6)
    monkeypatch.setattr("bulkput.jobs.lanes.lane_copy.WINDOWS_AT_ONCE", 4)


def drawn(seed, *, has_parent):
    """Draw a snapshot of one to forty blocks, some of them zeros, and perhaps an older one."""
    rng = random.Random(seed)
    indexes = sorted([*rng.sample(range(60), rng.randrange(1, 40)), 1000, 2047])
    parent = {index: rng.choice(LETTERS) for index in indexes if rng.random() < 0.6}
    blocks = {index: rng.choice(["", *LETTERS]) for index in indexes}
    blocks |= {index: letter for index, letter in parent.items() if rng.random() < 0.5}
    return World(blocks, seed, parent if has_parent else None, renewals=rng.randrange(2))


def copied(world):
    """Return what the copy reads as, with its parent's blocks and without those of zeros."""
    parent = {index: content(letter) for index, letter in (world.parent or {}).items()}
    return {at: block for at, block in (parent | world.copied).items() if block != ZEROS}


def unchanged(world):
    parent = world.parent or {}
    return {index for index, letter in world.blocks.items() if parent.get(index) == letter}


def counts(progress):
    return (
        # What a lane had put that died is vouched for by the table.
        progress.blocks_put + progress.blocks_resumed,
        progress.blocks_skipped_zero,
        progress.blocks_skipped_hole,
        progress.blocks_unchanged,
    )


def killer(seed):
    rng = random.Random(seed)

    def kill(lanes):
        for lane in lanes:
            if rng.random() < 0.6:
                asyncio.get_running_loop().call_later(rng.random() / 20, kill_one, lane)

    return kill


def kill_one(lane):
    if lane in lane.crew.lanes:
        lane.kill()


WAYS = {
    "full": (False, ZeroPolicy.SKIP),
    "increment": (True, ZeroPolicy.SKIP),
    "increment with zeros": (True, ZeroPolicy.WRITE),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(each, marks=pytest.mark.long) for each in range(3, 40))]
)
async def test_however_many_processes_copy_the_blocks_and_counts_are_the_same(tmp_path, seed, way):
    has_parent, zeros = WAYS[way]
    results = []
    for lanes in (0, 1, 2):
        folder = tmp_path / str(lanes)
        folder.mkdir()
        world = drawn(seed, has_parent=has_parent)
        copy = CopyInMemory(folder, world, zeros=zeros)
        outcome = await copy.run(lanes, on_lanes=killer(seed + lanes))
        assert copied(world) == {
            index: content(letter) for index, letter in world.blocks.items() if letter
        }
        assert not world.got & unchanged(world)
        assert outcome.progress.blocks_considered == 2048
        assert outcome.budget.in_use_bytes == 0
        assert max(outcome.peaks_blocks, default=0) <= HELD_BLOCKS // 2
        assert outcome.progress.in_flight == outcome.gets.in_flight == 0
        results.append(counts(outcome.progress))
    assert results[1] == results[2] == results[0]


async def test_all_gets_of_all_processes_are_counted_and_tokens_are_renewed_in_lanes_too(tmp_path):
    world = World(dict.fromkeys(range(200), "a"), seed=3, renewals=1)
    outcome = await CopyInMemory(tmp_path, world).run(2)
    assert len(copied(world)) == 200
    assert world.refused > 3
    assert outcome.gets.gets.attempted == world.gets
    assert outcome.progress.puts.attempted == world.puts


@pytest.mark.parametrize(
    ("failure", "expected", "words"),
    [
        (FailureClass.GONE, SourceError, "was deleted while it was copied"),
        (FailureClass.ACCESS_DENIED, ServiceError, "no"),
        (FailureClass.INVALID, ServiceError, "no"),
    ],
)
@pytest.mark.parametrize("lanes", [0, 1, 2])
async def test_what_ends_a_copy_ends_it_in_the_same_words_wherever_it_happens(
    tmp_path, lanes, failure, expected, words
):
    world = World(dict.fromkeys(range(200), "a"), seed=1)
    error = ServiceError("GetSnapshotBlock", failure, "no")

    def fail_there(members):
        for lane in members:
            lane.service.data = FailingGets(world, error)

    if not lanes:
        world.failure = error
    with pytest.raises(expected, match=words):
        await CopyInMemory(tmp_path, world).run(lanes, on_lanes=fail_there)


@pytest.mark.parametrize("zeros", [ZeroPolicy.SKIP, ZeroPolicy.WRITE])
@pytest.mark.parametrize("lanes", [0, 1, 2])
async def test_zeros_are_put_again_where_the_snapshot_has_no_block(tmp_path, lanes, zeros):
    """Over what its parent has, and over everything in an encrypted copy; a put in 30 fails."""
    parent = dict.fromkeys(range(0, 200, 2), "b") | dict.fromkeys(range(0, 200, 6), "a")
    world = World(dict.fromkeys(range(0, 200, 3), "a"), 1, parent)
    await CopyInMemory(tmp_path, world, zeros=zeros).run(lanes)
    assert copied(world) == {index: content(letter) for index, letter in world.blocks.items()}
    assert world.puts > len(world.copied), "none was repeated"


@pytest.mark.parametrize("lanes", [0, 1, 2])
async def test_a_block_that_was_listed_and_has_no_token_any_more_is_no_hole(tmp_path, lanes):
    """Tokens of three pages are kept, which are 51 blocks here: those before are asked for."""
    world = World(dict.fromkeys(range(200), "a"), seed=1, lost=5)
    with pytest.raises(SourceError, match="block 5: was listed before, and is not in"):
        await CopyInMemory(tmp_path, world).run(lanes)


@pytest.mark.parametrize("lanes", [0, 2])
async def test_after_a_stop_no_process_gets_anything_more(tmp_path, lanes):
    world = World(dict.fromkeys(range(100), "a"), seed=1, hangs_from=8)
    members = []
    running = asyncio.create_task(CopyInMemory(tmp_path, world).run(lanes, on_lanes=members.extend))
    async with asyncio.timeout(20):
        while world.under_way < 6:  # noqa: ASYNC110 - threads are waited for
            await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(5):  # what was cancelled ends in the next turns of the loop
        await asyncio.sleep(0)
    assert world.under_way == 0
    assert [lane.is_dead for lane in members] == [False] * lanes, "they leave when they are to"
