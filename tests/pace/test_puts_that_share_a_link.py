"""A link with a fair share for everybody: puts do not end together, so it is hardly ever idle.

A model: what is under way shares the link evenly, and an answer takes a turn of 105 ms beyond that.
"""

import heapq

import pytest

from bulkput.pace.in_flight import InFlightController
from bulkput.pace.spread import SPREAD_MIN_S, Spread

PUT_BYTES = 524_288
TURN_S = 0.105


class Unspread(Spread):
    def spacing_s(self, _limit):
        return 0.0


def upload(puts, bytes_per_s, spread, *, until_s=float("inf")):
    """Return the times of the answers; ``bytes_per_s`` may change with time."""
    controller, now_s, started_s = InFlightController(512), 0.0, float("-inf")
    under_way, answers, times = [], [], []
    in_flight, left = 0, puts
    while len(times) < puts and now_s < until_s:
        put_s = PUT_BYTES / bytes_per_s(now_s)
        spacing_s = spread.spacing_s(controller.limit) if in_flight else 0.0
        while left and in_flight < controller.limit and now_s >= started_s + spacing_s - 1e-9:
            in_flight, left, started_s = in_flight + 1, left - 1, now_s
            controller.on_start(now_s, in_flight)
            under_way.append([1.0, now_s])
            spacing_s = spread.spacing_s(controller.limit)
        nexts = [now_s + 0.5]
        if left and in_flight < controller.limit:
            nexts.append(started_s + spacing_s)
        if under_way:
            nexts.append(now_s + min(under_way)[0] * put_s * len(under_way))
        if answers:
            nexts.append(answers[0][0])
        elapsed_s, now_s = min(nexts) - now_s, min(nexts)
        for put in under_way:
            put[0] -= elapsed_s / put_s / len(under_way)
        for put in [put for put in under_way if put[0] <= 1e-9]:
            under_way.remove(put)
            heapq.heappush(answers, (now_s + TURN_S, put[1]))
        while answers and answers[0][0] <= now_s + 1e-12:
            sent_s = heapq.heappop(answers)[1]
            in_flight -= 1
            controller.on_release(now_s, in_flight)
            controller.on_ack(now_s, sent_s)
            spread.on_ack(now_s - sent_s)
            times.append(now_s)
    return times


@pytest.mark.parametrize(
    ("mib", "rate", "most"),
    [(64, 1e6, 1.01), (24, 5e5, 1.01), (8, 1e5, 1.01), (512, 12.5e6, 1.02), (512, 50e6, 1.06)],
)
def test_a_link_is_used_to_its_end(mib, rate, most):
    puts = 2 * mib
    took_s = upload(puts, lambda _: rate, Spread())[-1]
    assert took_s <= most * puts * PUT_BYTES / rate


def test_without_it_a_quarter_is_lost():
    took_s = upload(1024, lambda _: 12.5e6, Unspread())[-1]
    assert took_s >= 1.25 * 1024 * PUT_BYTES / 12.5e6


def test_a_link_that_narrows_and_comes_back_is_full_again_within_seconds():
    def rate(now_s):
        return 1e6 if 30 <= now_s < 60 else 12.5e6

    times = upload(10**6, rate, Spread(), until_s=90)
    for changed_s, now in ((30, 1e6), (60, 12.5e6)):
        held = sum(changed_s + 3 <= time_s < changed_s + 15 for time_s in times)
        assert held * PUT_BYTES >= 0.9 * 12 * now


def test_where_many_puts_come_back_in_a_second_nothing_is_held():
    spread = Spread()
    assert spread.spacing_s(1) == 0.0
    spread.on_ack(0.1)
    assert spread.spacing_s(int(0.1 / SPREAD_MIN_S) + 1) == 0.0
    assert spread.spacing_s(2) > 0.0
