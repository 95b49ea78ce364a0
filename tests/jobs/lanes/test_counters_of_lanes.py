"""Counters of a volume are those of all its lanes, and exact however one of them goes."""

import pickle
import random

import pytest

from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.portions import PortionTally
from bulkput.jobs.lanes.protocol import PortionSettled, no_counts
from bulkput.model.block import Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress


def reported(blocks_put, attempted, in_flight=0, **failures):
    progress = Progress("disk", blocks_put=blocks_put, in_flight=in_flight, failures=failures)
    progress.puts.attempted = attempted
    for _ in range(blocks_put):
        progress.puts.latencies.record(0.1)
    return progress


def test_two_lanes_add_to_what_this_process_counts_itself():
    total = reported(5, 6, in_flight=2, stalled=1)
    one, other = Member(total), Member(total)
    one.count(reported(3, 4, in_flight=3))
    other.count(reported(1, 1, in_flight=1, stalled=2))
    one.count(reported(10, 12, in_flight=0, transient=1))
    total.blocks_put += 1
    assert (total.blocks_put, total.puts.attempted, total.in_flight) == (17, 19, 3)
    assert total.failures == {"stalled": 3, "transient": 1}
    assert total.puts.latencies.count == 16
    assert total.puts.latencies.total_s == pytest.approx(1.6)


class Lane:
    """A lane in this process: what it sends comes out of a pickle, as from another one."""

    def __init__(self, total):
        self.progress = Progress("disk")
        self.member = Member(total)
        self.tally = PortionTally(self.progress, lambda each: self.member.settle(sent(each)))

    def begin(self, portion):
        self.member.portions.add(portion)
        self.tally.begin(portion)

    def put(self, index, rng):
        """Put a block of a portion; at times it is one that is put again, or is there already."""
        if rng.random() < 0.2:
            self.tally.place(BlockFate.REPEATED, index)
        settled, fate = rng.choice(FATES)
        self.tally.place(fate, index)
        self.tally.add(settled, index)
        if rng.random() < 0.5:
            self.member.count(sent(self.progress))


FATES = [
    ("blocks_put", BlockFate.DATA),
    ("blocks_put", BlockFate.ZEROS),
    ("blocks_resumed", BlockFate.RESUMED),
    ("blocks_skipped_zero", BlockFate.SKIPPED_ZERO),
    ("blocks_unchanged", BlockFate.UNCHANGED),
]


def sent(message):
    return pickle.loads(pickle.dumps(message))


@pytest.mark.parametrize("seed", range(30))
def test_the_map_has_every_block_once_although_a_lane_dies_in_the_middle_of_portions(seed):
    """What it had not settled is another's, in the counters and on the map alike."""
    rng = random.Random(seed)
    total = Progress("disk")
    total.begin_blocks(80)
    portions = [Extent(start, start + 8) for start in range(0, 80, 8)]
    lost, heir = Lane(total), Lane(total)
    had = rng.sample(portions, 6)
    for portion in had:
        lost.begin(portion)
    blocks = [index for portion in had for index in range(portion.start, portion.stop)]
    rng.shuffle(blocks)
    for index in blocks[: rng.randrange(len(blocks))]:
        lost.put(index, rng)
    lost.member.forget_unsettled()
    for portion in [each for each in portions if each not in had or each in lost.member.portions]:
        heir.begin(portion)
        for index in range(portion.start, portion.stop):
            heir.put(index, rng)
    heir.member.count(sent(heir.progress))
    cells = total.disk.as_dict()["cells"]
    repeated = cells.pop("repeated", [])
    assert [sum(of_block) for of_block in zip(*cells.values(), strict=True)] == [1] * 80
    assert max(repeated, default=0) <= 1
    of_fates = {name: 0 for name, _ in FATES}
    for name, fate in FATES:
        of_fates[name] += sum(cells.get(fate, ()))
    assert of_fates == {name: getattr(total, name) for name in of_fates}


@pytest.mark.parametrize("seed", range(20))
def test_of_a_lane_that_is_gone_the_settled_portions_stay_counted_and_nothing_else(seed):
    rng = random.Random(seed)
    total = reported(7, 7)
    member, put, settled = Member(total), 0, 0
    for start in range(0, 800, 8):
        portion = Extent(start, start + 8)
        member.portions.add(portion)
        put += rng.randrange(9)
        if rng.random() < 0.5:
            member.count(reported(put, put, in_flight=rng.randrange(4)))
        if rng.random() < 0.7:
            member.settle(PortionSettled(portion, no_counts() | {"blocks_put": 8}, {}))
            settled += 8
    member.forget_unsettled()
    assert total.blocks_put == total.blocks_considered == 7 + settled
    assert total.in_flight == 0
    assert len(member.portions) == 100 - settled // 8
