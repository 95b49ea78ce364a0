"""Ceilings of puts: what the user allows, in puts or in bytes."""

import types

import pytest

from bulkput.config.tuning import TuningSettings
from bulkput.jobs.session.rate_limits import (
    configured_rate_limits,
    find_get_rate_limits,
    find_rate_limits,
)
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
        ({"quota_share": 0.25}, (1000, SNAPSHOT), (250, ACCOUNT)),
        ({"quota_share": 0.25, "puts_per_s_account": 20.0}, (1000, SNAPSHOT), (20, SET)),
        ({"quota_share": 0.5, "bytes_per_s": "50MiB"}, (1000, SNAPSHOT), (100, SET)),
    ],
)
def test_the_lower_of_two_rates_holds_and_whose_it_is_is_known(tuning, snapshot, account):
    found = configured_rate_limits(TuningSettings(**tuning))
    assert (found.snapshot_puts_per_s, found.snapshot_limiter) == snapshot
    assert (found.account_puts_per_s, found.account_limiter) == account


async def test_a_share_is_one_of_the_accounts_own_quota():
    async def put_quotas():
        return types.SimpleNamespace(snapshot_puts_per_s=1000.0, account_puts_per_s=5000.0)

    async def get_quotas():
        return types.SimpleNamespace(snapshot_gets_per_s=1000.0, account_gets_per_s=None)

    service = types.SimpleNamespace(put_quotas=put_quotas, get_quotas=get_quotas)
    tuning = TuningSettings(quota_share=0.1)
    assert (await find_rate_limits(tuning, service)).account_puts_per_s == 500
    assert (await find_get_rate_limits(tuning, service)).account_gets_per_s == 100
