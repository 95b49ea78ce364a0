"""Percentiles of a histogram against those of the numbers themselves."""

import bisect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkput.model.latencies import LATENCY_MAX_S, UNIT_S, Latencies, merged

SHARES = (0.5, 0.9, 0.99)
DURATIONS = st.lists(st.floats(0, 2 * LATENCY_MAX_S), min_size=1, max_size=200)


def of(latencies_s):
    found = Latencies()
    for each in latencies_s:
        found.record(each)
    return found


@given(DURATIONS)
def test_a_percentile_is_at_most_a_sixteenth_above_the_true_one(latencies_s):
    ordered = sorted(min(each, LATENCY_MAX_S) for each in latencies_s)
    for share, found in zip(SHARES, of(latencies_s).percentiles_s(SHARES), strict=True):
        true = next(
            each for each in ordered if bisect.bisect_right(ordered, each) >= share * len(ordered)
        )
        assert true * (1 - 1e-9) <= found <= max(true * (1 + 1 / 16), true + UNIT_S) + UNIT_S


def test_nothing_has_no_percentiles():
    assert Latencies().percentiles_s(SHARES) is None


def test_an_interval_is_the_difference_of_two_looks():
    latencies = of([0.1] * 10)
    before = latencies.copy()
    for _ in range(5):
        latencies.record(2.0)
    interval = latencies.since(before)
    assert interval.count == 5
    assert interval.total_s == pytest.approx(10)
    assert interval.percentiles_s((0.5,))[0] == pytest.approx(2.0, rel=0.07)
    assert latencies.count == 15


def test_several_processes_are_one():
    both = merged([of([0.1] * 99), of([3.0])])
    assert both.count == 100
    assert both.percentiles_s((0.5, 0.999))[1] == pytest.approx(3.0, rel=0.07)
    assert merged([]).count == 0


def test_the_size_does_not_grow_with_the_calls():
    few, many = of([0.1]), of([each / 1000 for each in range(20_000)])
    assert len(few.counts) == len(many.counts)
    assert len(pickle.dumps(many)) < 2000


@pytest.mark.parametrize("odd_s", [-1.0, 0.0, 1e9])
def test_a_clock_that_jumps_raises_nothing(odd_s):
    assert of([odd_s]).count == 1
