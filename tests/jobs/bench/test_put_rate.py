"""The rate of an upload from counts by slots of time: start and end do not count."""

import pytest

from bulkput.jobs.bench.put_rate import steady_rate_per_s


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ([], 0.0),
        ([30], 600.0),  # all in one slot of 50 ms
        ([10] * 100, 200.0),
        ([1] * 20 + [10] * 100, 200.0),  # a slow start
        ([10] * 100 + [0] * 40 + [1], 200.0),  # the last put came late
        ([10] * 40 + [0] * 20 + [10] * 40, 147.4),  # a pause counts
    ],
)
def test_the_rate_between_start_and_end(counts, rate):
    assert steady_rate_per_s(counts, 0.05) == pytest.approx(rate, rel=0.03)
