"""The sliding window behind puts/s and the time left."""

import pytest

from bulkput.observe.rate import RateMeter


def test_a_meter_without_two_samples_says_zero():
    meter = RateMeter(5.0)
    assert meter.rate_per_s() == 0
    meter.sample(1.0, 10)
    assert meter.rate_per_s() == 0


def test_a_steady_count_has_its_rate():
    meter = RateMeter(5.0)
    for tick in range(100):
        meter.sample(tick / 4, tick * 103)
    assert meter.rate_per_s() == pytest.approx(412)


def test_what_is_older_than_the_window_is_forgotten():
    meter = RateMeter(5.0)
    for second in range(11):
        meter.sample(second, second * 1000)
    for second in range(11, 17):
        meter.sample(second, 10_000)
    assert meter.rate_per_s() == 0


def test_a_burst_within_the_window_is_spread_over_the_window():
    meter = RateMeter(10.0)
    meter.sample(0.0, 0)
    meter.sample(9.0, 0)
    meter.sample(10.0, 500)
    assert meter.rate_per_s() == pytest.approx(50)


def test_two_samples_at_one_moment_divide_by_nothing():
    meter = RateMeter(5.0)
    meter.sample(1.0, 0)
    meter.sample(1.0, 10)
    assert meter.rate_per_s() == 0


def test_a_count_that_fell_starts_anew():
    meter = RateMeter(5.0)
    meter.sample(0.0, 1000)
    meter.sample(1.0, 5)
    meter.sample(2.0, 15)
    assert meter.rate_per_s() == pytest.approx(10)


def test_memory_stays_bounded_at_any_number_of_samples():
    meter = RateMeter(1e9, samples_max=8)
    for moment in range(10_000):
        meter.sample(moment, moment * 3)
    assert len(meter._samples) == 8
    assert meter.rate_per_s() == pytest.approx(3)
