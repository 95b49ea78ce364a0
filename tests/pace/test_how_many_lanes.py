"""A lane is started where event loops are out of CPU, and stays only if it brings its part."""

import pytest

from bulkput.pace.lanes import (
    HOLD_FIRST_S,
    JOIN_LIMIT_S,
    ROUND_S,
    SETTLE_S,
    WORTH_S,
    LaneCount,
    Look,
)

LOOK_S = 0.5
QUOTA = 1000.0


class Machine:
    """Loops that put up to a rate each, as far as processors and the quota allow."""

    def __init__(self, count, *, loop_puts_per_s=600.0, processors=4.0, quota=QUOTA, left=1e9):
        self.count = count
        self.loop_puts_per_s = loop_puts_per_s
        self.processors = processors
        self.quota = quota
        self.left = left
        self.joins = True
        self.now_s = 100.0
        self.puts = 0.0
        self.lanes = 0
        self.most = 0

    @property
    def puts_per_s(self):
        loops = 1 + self.lanes
        return min(self.quota, self.loop_puts_per_s * min(loops, self.processors))

    def run(self, duration_s):
        """Look every half second; a lane works a second after it is wanted."""
        joined_s = None
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.now_s += LOOK_S
            self.puts += self.puts_per_s * LOOK_S
            self.left -= self.puts_per_s * LOOK_S
            loops = 1 + self.lanes
            busy = min(1.0, self.puts_per_s / loops / self.loop_puts_per_s)
            idle = max(0.0, self.processors - loops * busy)
            wanted = self.count.look(
                Look(self.now_s, int(self.puts), (busy,) * loops, idle, QUOTA, int(self.left))
            )
            self.most = max(self.most, wanted)
            if wanted < self.lanes:
                self.lanes = wanted
            elif wanted > self.lanes and self.joins:
                joined_s = joined_s or self.now_s + 1.0
                if self.now_s >= joined_s:
                    self.lanes, joined_s = wanted, None
        return self.lanes


def test_a_slow_processor_gets_lanes_until_the_quota_is_reached():
    machine = Machine(LaneCount(7), loop_puts_per_s=400.0)
    assert machine.run(60) == 2
    assert machine.puts_per_s == QUOTA


@pytest.mark.parametrize(
    "facts",
    [
        {"loop_puts_per_s": 1200.0},  # one loop carries the quota
        {"quota": 300.0},  # the link or the service holds it, and the loop has time
        {"processors": 1.3},  # nobody leaves a processor
        {"left": 600 * (WORTH_S + ROUND_S) - 1},  # it is over before a lane pays
    ],
)
def test_where_a_lane_cannot_pay_none_is_started(facts):
    machine = Machine(LaneCount(7), **facts)
    machine.run(60)
    assert machine.most == 0


def test_no_more_are_tried_than_there_may_be():
    machine = Machine(LaneCount(1), loop_puts_per_s=100.0)
    assert machine.run(600) == machine.most == 1


def trials_of(machine, duration_s):
    """Return how many lanes were started on a machine where they bring nothing."""
    starts, before = 0, machine.count.count
    end_s = machine.now_s + duration_s
    while machine.now_s < end_s:
        machine.run(LOOK_S)
        starts += machine.count.count > before
        before = machine.count.count
    return starts


def test_a_lane_that_brings_nothing_goes_and_is_tried_ever_more_rarely():
    class Shared(Machine):
        puts_per_s = 600.0

    machine = Shared(LaneCount(3))
    judged_s = 2 * ROUND_S + SETTLE_S + 3.0
    machine.run(judged_s)
    assert (machine.most, machine.lanes) == (1, 0)
    assert trials_of(machine, HOLD_FIRST_S - 3.0) == 0
    assert trials_of(machine, 6.0) == 1
    assert 4 <= trials_of(machine, 3600.0) <= 12


def test_a_lane_that_does_not_begin_is_given_up():
    machine = Machine(LaneCount(3))
    machine.joins = False
    machine.run(ROUND_S + JOIN_LIMIT_S + 2.0)
    assert (machine.most, machine.count.count) == (1, 0)


def test_lanes_that_are_not_needed_any_more_go():
    machine = Machine(LaneCount(7), loop_puts_per_s=400.0)
    machine.run(60)
    machine.quota = 150.0
    machine.run(30)
    assert machine.lanes == 0


def test_a_lane_that_died_is_not_replaced_by_a_third():
    count = LaneCount(2)
    machine = Machine(count, loop_puts_per_s=100.0)
    assert machine.run(60) == 2
    count.lost()
    machine.lanes = 1
    assert machine.run(600) == 1
    count.lost()
    count.lost()
    machine.lanes = 0
    assert machine.run(600) == count.most == 0
