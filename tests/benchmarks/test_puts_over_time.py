import pytest

from benchmarks.cases.recovery import Phase, recovery_figures
from benchmarks.measure.series import (
    Sample,
    accepted_at,
    per_second,
    rate_between,
    reached_after_s,
    throttled_share,
)


def counted(*rates_and_durations: tuple[float, float]) -> list[Sample]:
    """Samples four times a second of a server that accepts at these rates, one after the other."""
    samples, accepted, at_s = [Sample(0.0, 0, 0)], 0.0, 0.0
    for rate_puts_per_s, duration_s in rates_and_durations:
        for _ in range(int(duration_s * 4)):
            at_s += 0.25
            accepted += rate_puts_per_s / 4
            samples.append(Sample(at_s, round(accepted), 0))
    return samples


def test_counts_between_two_samples_are_interpolated() -> None:
    samples = [Sample(0, 0, 0), Sample(1, 100, 0), Sample(3, 500, 0)]
    assert accepted_at(samples, 2) == 300
    assert rate_between(samples, 0.5, 2) == pytest.approx((300 - 50) / 1.5)


def test_counts_outside_the_samples_are_those_at_the_ends() -> None:
    samples = [Sample(1, 10, 0), Sample(2, 30, 0)]
    assert accepted_at(samples, 0) == 10
    assert accepted_at(samples, 9) == 30


def test_a_rate_is_reached_when_a_whole_window_holds_it() -> None:
    samples = counted((300, 10), (1000, 10))
    assert reached_after_s(samples, 0, 20, 1000) == 10
    assert reached_after_s(samples, 10, 20, 950) == 0


def test_a_rate_that_never_comes_is_reached_never() -> None:
    assert reached_after_s(counted((300, 10)), 0, 10, 301) is None


def test_the_throttled_share_counts_only_what_happened_between_the_samples() -> None:
    assert throttled_share([Sample(0, 100, 50), Sample(1, 199, 51)]) == 0.01
    assert throttled_share([Sample(0, 100, 50)]) == 0


def test_seconds_that_were_not_seen_whole_are_left_out() -> None:
    assert per_second(counted((400, 2.5))) == [(0.5, 400), (1.5, 400)]


def test_a_recovery_that_does_not_last_is_not_met() -> None:
    phases = (Phase("before", 0, 1000), Phase("after", 20, 1000))
    lasting = recovery_figures(counted((1000, 20), (500, 4), (1000, 16)), phases, 40)
    passing = recovery_figures(counted((1000, 20), (500, 4), (1000, 4), (500, 12)), phases, 40)
    assert [figure.is_met for figure in lasting] == [True, True]
    assert [figure.is_met for figure in passing] == [True, False]


def test_a_recovery_that_takes_eleven_seconds_is_too_slow() -> None:
    phases = (Phase("before", 0, 1000), Phase("after", 20, 1000))
    late = recovery_figures(counted((1000, 20), (500, 11), (1000, 29)), phases, 60)
    assert late[0].value is not None
    assert 10 < late[0].value <= 11
    assert late[0].is_met is False
