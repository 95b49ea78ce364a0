"""Counters of a volume are those of all its lanes, and exact however one of them goes."""

import copy
import random

import pytest

from bulkput.jobs.lanes.member import Member
from bulkput.jobs.lanes.protocol import no_counts
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


@pytest.mark.parametrize("blocks", [60, 20_000])
def test_the_map_of_the_volume_has_what_each_lane_put_where_it_put_it(blocks):
    total, lanes = Progress("disk"), [Progress("disk"), Progress("disk")]
    total.disk.begin(blocks)
    members = [Member(total), Member(total)]
    for lane in lanes:
        lane.disk.begin(blocks)
    total.disk.add(BlockFate.DATA, 0, 20)
    whole = copy.deepcopy(total.disk)
    for start in range(20, 60, 4):
        fate = BlockFate.ZEROS if start % 12 else BlockFate.DATA
        which = start // 4 % 2
        lanes[which].disk.add(fate, start, start + 4)
        whole.add(fate, start, start + 4)
        members[which].count(copy.deepcopy(lanes[which]))  # as it comes from another process
    assert total.disk.as_dict() == whole.as_dict()


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
            member.settle(portion, no_counts() | {"blocks_put": 8})
            settled += 8
    member.forget_unsettled()
    assert total.blocks_put == total.blocks_considered == 7 + settled
    assert total.in_flight == 0
    assert len(member.portions) == 100 - settled // 8
