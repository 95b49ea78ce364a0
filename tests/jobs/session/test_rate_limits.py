"""Ceilings of puts: what the user allows, in puts or in bytes."""

import pytest

from bulkput.config.tuning import TuningSettings
from bulkput.jobs.session.rate_limits import configured_rate_limits
from bulkput.model.progress import RateLimiter

SNAPSHOT, ACCOUNT = RateLimiter.SNAPSHOT_QUOTA, RateLimiter.ACCOUNT_QUOTA
SET = RateLimiter.CONFIGURATION


@pytest.mark.parametrize(
    ("tuning", "snapshot", "account"),
    [
        ({}, (1000, SNAPSHOT), (1000, ACCOUNT)),
        ({"bytes_per_s": "50MiB"}, (1000, SNAPSHOT), (100, SET)),
        ({"bytes_per_s": "64KiB"}, (1000, SNAPSHOT), (0.125, SET)),
        ({"bytes_per_s": "1GiB"}, (1000, SNAPSHOT), (1000, ACCOUNT)),
        ({"bytes_per_s": "50MiB", "puts_per_s_account": 20.0}, (1000, SNAPSHOT), (20, SET)),
        ({"bytes_per_s": "50MiB", "puts_per_s_snapshot": 20.0}, (20, SET), (100, SET)),
    ],
)
def test_the_lower_of_two_rates_holds_and_whose_it_is_is_known(tuning, snapshot, account):
    found = configured_rate_limits(TuningSettings(**tuning))
    assert (found.snapshot_puts_per_s, found.snapshot_limiter) == snapshot
    assert (found.account_puts_per_s, found.account_limiter) == account
