from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkput.pace.bucket import BURST_S, LATE_MAX_S, Bucket

RATES = st.floats(0.5, 5000)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 0.5)),
    st.tuples(st.just("put"), st.floats(0, 0.2)),
    st.tuples(st.just("puts"), st.integers(1, 40)),
    st.tuples(st.just("rate"), RATES),
)


def greatest_burst(bucket):
    """Return the most puts by which any span may exceed its share of the rate."""
    return bucket._burst_puts + LATE_MAX_S * bucket.rate_puts_per_s


def play(first_rate, steps):
    """Return the times of all puts, the rate over time, and the greatest burst allowed."""
    now_s = 0.0
    bucket = Bucket(first_rate)
    burst = greatest_burst(bucket)
    puts, rates = [], [(0.0, first_rate)]

    def put(late_s, ready_s):
        nonlocal now_s
        now_s = bucket.earliest_s(now_s) + late_s
        bucket.take(now_s, min(ready_s, now_s))
        puts.append(now_s)

    for kind, amount in steps:
        if kind == "wait":
            now_s += amount
        elif kind == "put":
            put(amount, now_s)
        elif kind == "puts":
            ready_s = now_s
            for _ in range(amount):
                put(0.0, ready_s)
        else:
            bucket.set_rate(now_s, amount)
            burst = max(burst, greatest_burst(bucket))
            rates.append((now_s, amount))
    return puts, rates, burst


def carried(rates, start_s, stop_s):
    """Return the integral of the rate."""
    total = 0.0
    for (from_s, rate), (to_s, _) in zip(rates, [*rates[1:], (float("inf"), 0)], strict=True):
        total += rate * max(0.0, min(stop_s, to_s) - max(start_s, from_s))
    return total


@given(RATES, st.lists(STEPS, max_size=40))
def test_no_span_carries_more_than_its_rate_and_one_burst(first_rate, steps):
    puts, rates, burst = play(first_rate, steps)
    for i, start_s in enumerate(puts):
        for j in range(i, len(puts), 3):
            assert j - i + 1 <= carried(rates, start_s, puts[j]) + burst + 1e-6


@given(RATES, st.lists(STEPS, max_size=40))
def test_no_second_carries_more_than_the_highest_rate_and_one_burst(first_rate, steps):
    puts, rates, burst = play(first_rate, steps)
    top = max(rate for _, rate in rates)
    for start_s in puts:
        assert sum(start_s <= at_s < start_s + 1 for at_s in puts) <= top + burst + 1e-6


@given(RATES)
def test_a_steady_stream_is_spaced_evenly_by_one_over_the_rate(rate):
    bucket = Bucket(rate)
    now_s, starts = 0.0, []
    for _ in range(int(rate * BURST_S) + 60):
        now_s = bucket.earliest_s(now_s)
        bucket.take(now_s, now_s)
        starts.append(now_s)
    gaps = [after - before for before, after in pairwise(starts[-50:])]
    assert gaps == pytest.approx([1 / rate] * len(gaps), rel=1e-6)


def test_a_pause_earns_the_small_burst_and_no_more():
    bucket = Bucket(1000)
    now_s = 60.0
    for _ in range(10):
        assert bucket.earliest_s(now_s) == now_s
        bucket.take(now_s, now_s)
    assert bucket.earliest_s(now_s) == pytest.approx(60.001)


def test_a_slow_bucket_still_lets_two_puts_start():
    bucket = Bucket(1)
    bucket.take(5.0, 5.0)
    assert bucket.earliest_s(5.0) == 5.0
    bucket.take(5.0, 5.0)
    assert bucket.earliest_s(5.0) == pytest.approx(6.0)


@pytest.mark.parametrize("late_s", [0.001, 0.01, 0.03, 0.9 * LATE_MAX_S])
def test_a_loop_that_is_late_loses_no_rate_while_puts_wait(late_s):
    bucket = Bucket(1000)
    now_s = woken_s = 0.0
    count = 0
    while now_s < 10:
        woken_s = now_s
        while bucket.earliest_s(now_s) <= now_s:
            bucket.take(now_s, 0.0)
            count += 1
        now_s = bucket.earliest_s(now_s) + late_s
    assert count >= 1000 * woken_s


def test_lateness_beyond_the_limit_is_forfeited():
    bucket = Bucket(1000)
    for _ in range(10):
        bucket.take(0.0, 0.0)
    count = 0
    while bucket.earliest_s(5.0) <= 5.0:
        bucket.take(5.0, 0.0)
        count += 1
    assert count == pytest.approx(LATE_MAX_S * 1000 + 10, abs=1)


def test_a_new_rate_keeps_what_was_taken():
    bucket = Bucket(1000)
    for _ in range(10):
        bucket.take(0.0, 0.0)
    bucket.set_rate(0.0, 100)
    # Ten puts ahead of a bucket of two: nine of them have to drain at 100/s.
    assert bucket.earliest_s(0.0) == pytest.approx(0.09)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ValueError, match="positive rate"):
        Bucket(rate)
