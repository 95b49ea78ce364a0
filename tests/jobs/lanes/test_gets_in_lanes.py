"""Works done here and in lanes: each is answered once, whatever joins, leaves, hangs or dies."""

import asyncio
import random

import pytest
from support.lanes_in_memory import MemoryLane, crew_in_memory, join
from virtual_time import run_virtual

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import IntegrityError, MachineError, TemporaryError

WORKS = 60


def doer(rng, limit=None):
    """Return a work's doing, and what was done; as many at a time are allowed."""
    done, under_way = [], 0

    async def do(item):
        nonlocal under_way
        under_way += 1
        assert limit is None or under_way <= limit
        try:
            await asyncio.sleep(rng.random())
        finally:
            under_way -= 1
        done.append(item)
        return item * 10

    return do, done


async def all_works(crew, count=WORKS):
    return await asyncio.gather(*(crew.do(item, 1) for item in range(count)))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("lanes", [0, 1, 2])
def test_every_work_has_its_answer_whatever_becomes_of_the_lanes(lanes, seed):
    rng = random.Random(seed)

    async def main():
        do, _ = doer(rng)
        notes = []
        with crew_in_memory(do, held_blocks=12, notes=notes) as crew:
            members = [MemoryLane(str(number), doer(rng)[0], rng) for number in range(lanes)]

            async def disturb(lane):
                await asyncio.sleep(rng.random() * 2)
                join(crew, lane)
                await asyncio.sleep(rng.random() * 2)
                fate = rng.choice([lane.kill, lambda: crew.leave(lane), lambda: None])
                if lane in crew.lanes:
                    fate()

            disturbances = [asyncio.create_task(disturb(lane)) for lane in members]
            found = await crew.run(all_works(crew))
            assert found == [item * 10 for item in range(WORKS)]
            assert crew.lanes == ()
            killed = sum(lane.is_dead for lane in members)
            assert len(notes) <= killed
            for task in disturbances:
                task.cancel()
            await asyncio.gather(*disturbances, return_exceptions=True)

    run_virtual(main())


def test_a_lane_has_its_part_and_the_faster_one_more():
    rng = random.Random(1)

    async def main():
        slow = doer(rng)[0]

        async def fast(item):
            await asyncio.sleep(0.01)
            return item * 10

        with crew_in_memory(slow, held_blocks=8) as crew:
            lane = MemoryLane("1", fast, rng)
            join(crew, lane)
            await crew.run(all_works(crew, 200))
            assert lane.done > 140
            assert {share.memory_bytes >> 19 for share in lane.shares} == {4}

    run_virtual(main())


def test_nobody_is_given_more_than_twice_what_fits_its_memory():
    rng = random.Random(2)

    async def main():
        with crew_in_memory(doer(rng, limit=16)[0], held_blocks=8) as crew:
            lanes = [MemoryLane(str(n), doer(rng, limit=5)[0], rng) for n in range(2)]

            async def works():
                for lane in lanes:
                    join(crew, lane)
                await asyncio.sleep(1)  # they are ready
                return await all_works(crew)

            await crew.run(works())
            assert all(lane.done > 5 for lane in lanes)

    run_virtual(main())


@pytest.mark.parametrize("error", [IntegrityError("damaged"), TemporaryError("the disk is full")])
def test_what_a_lane_finds_wrong_ends_all_in_its_words(error):
    rng = random.Random(3)

    async def main():
        async def fail(_item):
            raise error

        with crew_in_memory(doer(rng)[0], held_blocks=8) as crew:
            join(crew, MemoryLane("1", fail, rng))
            with pytest.raises(type(error), match=str(error)):
                await crew.run(all_works(crew, 500))
            assert crew.lanes == ()

    run_virtual(main())


def test_a_lane_that_lacks_what_it_needs_is_done_without():
    rng = random.Random(4)

    async def main():
        async def fail(_item):
            raise MachineError("too many open files")

        notes = []
        with crew_in_memory(doer(rng)[0], held_blocks=8, notes=notes) as crew:
            lane = MemoryLane("7", fail, rng)
            join(crew, lane)
            assert await crew.run(all_works(crew)) == [item * 10 for item in range(WORKS)]
            assert lane.is_dead, "it would be given the volume again"
        assert len(notes) == 1
        assert "process 7, which got blocks beside this one, is gone: too many open" in notes[0]

    run_virtual(main())


@pytest.mark.parametrize("seed", range(10))
def test_after_an_end_nothing_is_under_way_and_no_lane_has_it(seed):
    rng = random.Random(seed)

    async def main():
        with crew_in_memory(doer(rng)[0], held_blocks=8) as crew:
            lanes = [MemoryLane(str(n), doer(rng)[0], rng) for n in range(2)]
            running = asyncio.create_task(crew.run(all_works(crew, 500)))
            await asyncio.sleep(0)
            for lane in lanes:
                join(crew, lane)
            await asyncio.sleep(rng.random() * 4)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert crew.lanes == ()
            assert not crew.wants_lanes
            assert not crew.parts.budget.in_use_bytes

    run_virtual(main())


def test_who_is_cancelled_when_its_place_was_just_given_leaves_it_to_others():
    async def main():
        may_end = asyncio.Event()

        async def do(item):
            await may_end.wait()
            return item

        with crew_in_memory(do, held_blocks=1) as crew:
            first = asyncio.create_task(crew.do("first", 2))
            second = asyncio.create_task(crew.do("second", 2))
            await asyncio.sleep(0)

            async def cancel():
                await may_end.wait()  # behind the first, whose end gives the second its place
                second.cancel()

            cancelling = asyncio.create_task(cancel())
            await asyncio.sleep(0)
            may_end.set()
            assert await first == "first"
            await cancelling
            with pytest.raises(asyncio.CancelledError):
                await second
            assert await crew.do("third", 2) == "third"

    run_virtual(main())


def test_what_a_dead_lane_had_is_done_again_before_what_was_asked_for_later():
    async def main():
        may_end, here, there = asyncio.Event(), [], []

        async def do(item):
            here.append(item)
            await may_end.wait()
            return item * 10

        async def hang(item):
            there.append(item)
            await asyncio.Event().wait()

        with crew_in_memory(do, held_blocks=2) as crew:
            lane = MemoryLane("1", hang, random.Random(1))

            async def works():
                join(crew, lane)
                await asyncio.sleep(1)  # it is ready
                return await all_works(crew, 20)

            running = asyncio.create_task(crew.run(works()))
            await asyncio.sleep(2)
            lane.kill()
            await asyncio.sleep(1)
            may_end.set()
            assert await running == [item * 10 for item in range(20)]
        assert there
        assert max(here.index(item) for item in there) < here.index(10), here

    run_virtual(main())


def test_a_lane_has_its_memory_only_when_this_process_has_let_go_of_it():
    rng = random.Random(5)

    async def main():
        with crew_in_memory(doer(rng)[0], held_blocks=8) as crew:
            budget, lane = crew.parts.budget, MemoryLane("1", doer(rng)[0], rng)
            await budget.acquire(8 * BLOCK_SIZE_BYTES)
            join(crew, lane)
            await asyncio.sleep(5)
            assert (crew.working, lane.shares) == ((), [])
            budget.release(4 * BLOCK_SIZE_BYTES)
            await asyncio.sleep(1)
            assert crew.working == (lane,)
            assert budget.limit_bytes == lane.shares[-1].memory_bytes == 4 * BLOCK_SIZE_BYTES

    run_virtual(main())


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_lane_has_its_memory_only_when_other_lanes_have_let_go_of_it(is_slow):
    rng = random.Random(5)

    async def main():
        with crew_in_memory(doer(rng)[0], held_blocks=12) as crew:
            first, second = (MemoryLane(str(n), doer(rng)[0], rng) for n in range(2))
            first.yet_blocks = 6
            first.is_slow = is_slow
            for lane in (first, second):
                join(crew, lane)
                await asyncio.sleep(5)
            assert (crew.working, second.shares) == ((first,), [])
            assert first.shares[-1].memory_bytes == 4 * BLOCK_SIZE_BYTES
            first.yet_blocks = 4
            first.is_slow = False
            first.report()
            await asyncio.sleep(1)
            assert crew.working == (first, second)
            assert second.shares[-1].memory_bytes == 4 * BLOCK_SIZE_BYTES

    run_virtual(main())
