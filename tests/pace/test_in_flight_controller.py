import heapq
from random import Random

import pytest

from bulkput.pace.in_flight import LIMIT_MIN_PUTS, InFlightController
from bulkput.pace.opening import FIRST_PUTS, OPENED_PUTS


def keep_full(controller, latency_s, *, start_s=0.0, duration_s, fails_every=None, seed=1):
    """Keep all slots busy; ``latency_s(in_flight)`` names each put's. Return limits over time."""
    rng = Random(seed)
    on_the_way = []
    now_s, limits, count = start_s, [], 0
    while now_s < start_s + duration_s:
        while len(on_the_way) < controller.limit:
            count += 1
            took_s = latency_s(len(on_the_way) + 1) * rng.uniform(0.8, 1.2)
            heapq.heappush(on_the_way, (now_s + took_s, now_s, count))
            controller.on_start(now_s, len(on_the_way))
        now_s, sent_s, number = heapq.heappop(on_the_way)
        controller.on_release(now_s, len(on_the_way))
        if fails_every and number % fails_every == 0:
            controller.on_failure(now_s, sent_s)
        else:
            controller.on_ack(now_s, sent_s)
        limits.append(controller.limit)
    return limits


def constantly(latency_s):
    return lambda in_flight: latency_s + 0 * in_flight


def test_it_starts_small_and_within_the_maximum():
    assert InFlightController(1000).limit == FIRST_PUTS
    assert InFlightController(1).limit == 1


def test_no_slots_at_all_are_refused():
    with pytest.raises(ValueError, match="maximum of 0"):
        InFlightController(0)


def test_it_doubles_while_more_in_flight_brings_more_puts():
    controller = InFlightController(512)
    limits = keep_full(controller, constantly(0.1), duration_s=2.5)
    assert max(limits) == 512


def test_handshakes_of_new_connections_are_not_held_against_the_new_slots():
    opened = 0

    def latency_s(in_flight):
        nonlocal opened
        if in_flight <= opened:
            return 0.1
        opened = in_flight
        return 0.6

    controller = InFlightController(256)
    limits = keep_full(controller, latency_s, duration_s=3)
    assert max(limits) == 256


def test_it_never_leaves_the_maximum():
    controller = InFlightController(100)
    limits = keep_full(controller, constantly(0.1), duration_s=20)
    assert max(limits) == 100
    assert sorted(limits)[len(limits) // 20] >= 80


def test_it_holds_where_more_in_flight_brings_nothing():
    # A link of 400 puts/s with 100 ms: the 41st put only waits longer.
    controller = InFlightController(1024)
    limits = keep_full(controller, lambda n: max(0.1, n / 400), duration_s=60)
    assert max(limits) <= 128
    late = limits[len(limits) // 2 :]
    assert 36 <= sorted(late)[len(late) // 2] <= 80


def test_latency_that_grows_with_concurrency_does_not_carry_it_to_the_maximum():
    # n / (50 ms + n x 1 ms) nears 1000/s: from 256 in flight on, a doubling brings 9% at most.
    controller = InFlightController(4096)
    limits = keep_full(controller, lambda n: 0.05 + 0.001 * n, duration_s=60)
    assert max(limits) <= 1024
    assert 100 <= sorted(limits)[len(limits) // 2] <= 512


def test_noise_of_a_fifth_does_not_make_it_collapse():
    controller = InFlightController(64)
    keep_full(controller, constantly(0.1), duration_s=5)  # from the start up to its maximum
    limits = keep_full(controller, constantly(0.1), start_s=5, duration_s=60)
    assert min(limits) >= 0.8 * 64 - 1
    assert sum(limits) / len(limits) > 62


def test_longer_latency_opens_a_held_limit_again():
    controller = InFlightController(1024)
    keep_full(controller, lambda n: max(0.02, n / 100), duration_s=20)
    assert controller.limit <= 128
    keep_full(controller, lambda n: max(0.3, n / 1000), start_s=20.0, duration_s=10)
    assert controller.limit >= 250


def test_slots_that_are_not_used_are_given_up_slowly():
    controller = InFlightController(1024)
    keep_full(controller, constantly(0.1), duration_s=2)
    assert controller.limit >= 256
    for n in range(40_000):
        now_s = 2 + n * 0.01
        controller.on_start(now_s, 10)
        controller.on_release(now_s, 9)
        controller.on_ack(now_s, now_s - 0.1)
    assert controller.limit == 10 * 2 + 16


def test_slots_that_come_back_all_at_once_still_count_as_taken():
    # Every answer takes exactly 100 ms and a bucket lets one put start a millisecond: the slots
    # are refilled for as many milliseconds, and wait for the rest of the 100.
    controller = InFlightController(1024)
    on_the_way, now_s = [], 0.0
    while now_s < 5:
        now_s += 0.001
        while on_the_way and on_the_way[0] + 0.1 <= now_s:
            sent_s = on_the_way.pop(0)
            controller.on_release(now_s, len(on_the_way))
            controller.on_ack(now_s, sent_s)
        if len(on_the_way) < controller.limit:
            on_the_way.append(now_s)
            controller.on_start(now_s, len(on_the_way))
    assert 100 <= controller.limit <= 256


def test_failures_cut_it_and_it_recovers():
    controller = InFlightController(256)
    keep_full(controller, constantly(0.1), duration_s=3)
    before = controller.limit
    keep_full(controller, constantly(0.1), start_s=3, duration_s=5, fails_every=2)
    assert LIMIT_MIN_PUTS <= controller.limit < before / 2
    keep_full(controller, constantly(0.1), start_s=8, duration_s=10)
    assert controller.limit == 256


def test_a_few_failures_do_not_cut_it():
    controller = InFlightController(64)
    keep_full(controller, constantly(0.1), duration_s=5)
    limits = keep_full(controller, constantly(0.1), start_s=5, duration_s=20, fails_every=20)
    assert min(limits) >= 0.8 * 64 - 1


@pytest.mark.parametrize("put_s", [0.04, 0.5, 5.0])
def test_on_a_link_that_one_put_fills_few_are_in_flight(put_s):
    # 12.5 MB/s, 1 MB/s and 100 kB/s: each put takes the link for so long, after 100 ms.
    controller = InFlightController(1024)
    limits = keep_full(controller, lambda n: 0.1 + n * put_s, duration_s=200 * put_s)
    need = 1 + 0.1 / put_s
    assert max(limits) <= 40
    late = sorted(limits[len(limits) // 2 :])
    assert late[len(late) // 2] <= 5 * need
    assert late[-1] <= 8 * need


def test_a_link_that_narrows_does_not_fill_up_and_one_that_widens_is_used():
    controller = InFlightController(1024)
    keep_full(controller, lambda n: 0.1 + n * 0.04, duration_s=20)
    limits = keep_full(controller, lambda n: 0.1 + n * 0.5, start_s=20, duration_s=60)
    assert max(limits) <= OPENED_PUTS
    assert sorted(limits)[len(limits) // 2] <= 8
    assert controller.limit <= 12, "8, and a trial"
    keep_full(controller, lambda n: max(0.1, n / 1000), start_s=80, duration_s=5)
    assert controller.limit >= 64


def test_a_put_on_which_nothing_moved_halves_the_limit_at_once_and_only_once():
    controller = InFlightController(64)
    keep_full(controller, constantly(0.1), duration_s=5)
    before = controller.limit
    for _ in range(8):  # all of them were sent before the first was given up
        controller.on_stall(6.0, 5.5)
    assert controller.limit == before // 2
    controller.on_stall(7.0, 6.5)
    assert controller.limit == before // 4
    keep_full(controller, constantly(0.1), start_s=7, duration_s=10)
    assert controller.limit == 64
