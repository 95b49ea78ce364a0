"""Ceilings of puts: what the user allows, in puts or in bytes."""

import pytest

from bulkput.config.tuning import TuningSettings
from bulkput.jobs.session.rate_limits import configured_rate_limits


@pytest.mark.parametrize(
    ("tuning", "snapshot", "account"),
    [
        ({}, 1000, 1000),
        ({"bytes_per_s": "50MiB"}, 1000, 100),
        ({"bytes_per_s": "64KiB"}, 1000, 0.125),
        ({"bytes_per_s": "1GiB"}, 1000, 1000),
        ({"bytes_per_s": "50MiB", "puts_per_s_account": 20.0}, 1000, 20),
        ({"bytes_per_s": "50MiB", "puts_per_s_snapshot": 20.0}, 20, 100),
    ],
)
def test_the_lower_of_two_rates_holds(tuning, snapshot, account):
    assert configured_rate_limits(TuningSettings(**tuning)) == (snapshot, account)
