"""What a number of puts costs and how long it takes at the limits: the table."""

import dataclasses

import pytest

from bulkput.jobs.plan.forecast import FailedForecast, JobForecast, Rates
from bulkput.jobs.session.rate_limits import RateLimits
from bulkput.jobs.state.host_speed import HostSpeed


def rates(snapshot=1000.0, account=1000.0, parallel=1, usd=0.006):
    return Rates(
        rate_limits=RateLimits(snapshot, account),
        are_published=True,
        usd_per_thousand_puts=usd,
        parallel=parallel,
    )


@pytest.mark.parametrize(
    ("snapshot", "account", "parallel", "puts", "time_s"),
    [
        (1000, 1000, 1, [], 0.0),
        (1000, 1000, 1, [2_097_152], 2097.152),
        (1000, 5000, 1, [1000, 1000], 2.0),  # one after the other: the snapshot's limit
        (1000, 5000, 2, [1000, 1000], 1.0),
        (1000, 5000, 9, [1000, 1000], 1.0),  # no more at once than there are
        (1000, 1500, 2, [1500, 1500], 2.0),  # the account's limit
        (1000, 5000, 2, [3000, 1000], 3.0),  # the largest alone
    ],
)
def test_the_time_is_what_each_limit_takes_at_least(snapshot, account, parallel, puts, time_s):
    cost = rates(snapshot, account, parallel).cost(puts)
    assert cost.time_at_quota_s == pytest.approx(time_s)
    assert cost.puts == sum(puts)


def test_the_price_is_of_the_puts():
    assert rates().cost([2_097_152]).price_usd == pytest.approx(12.582912)
    assert rates(usd=0.007).cost([1000]).price_usd == pytest.approx(0.007)


@pytest.mark.parametrize(
    ("codes", "exit_code", "error"),
    [
        ([], 0, None),
        ([6], 6, "broken a"),
        ([6, 3], 8, "2 of 2 volumes cannot be uploaded: a, b"),
    ],
)
def test_what_cannot_be_uploaded_is_the_forecasts_error(codes, exit_code, error):
    failed = tuple(
        FailedForecast(name, f"/{name}", f"broken {name}", code)
        for name, code in zip("abc", codes, strict=False)
    )
    forecast = JobForecast(failed, rates(), by_extents=False)
    assert (forecast.exit_code, forecast.error) == (exit_code, error)
    assert forecast.as_dict()["status"] == ("failed" if codes else "planned")


@pytest.mark.parametrize(
    ("alone", "several", "parallel", "puts", "time_s"),
    [
        (500, 800, 1, [1000], 2.0),
        (500, 800, 1, [800, 800], 3.2),  # one after the other
        (500, 800, 2, [800, 800], 2.0),  # together
        (500, 800, 2, [1500, 100], 3.0),  # the largest alone
        (5000, 5000, 1, [1000], 1.0),  # the quota
        (500, 800, 1, [], 0.0),
    ],
)
def test_the_time_on_a_host_that_was_measured(alone, several, parallel, puts, time_s):
    host = HostSpeed(alone, several, 0.0)
    measured = dataclasses.replace(rates(parallel=parallel), host=host)
    assert measured.cost(puts).time_on_host_s == pytest.approx(time_s)


def test_there_is_no_such_time_before_a_measurement():
    assert rates().cost([1000]).as_dict()["time_on_this_host_s"] is None
