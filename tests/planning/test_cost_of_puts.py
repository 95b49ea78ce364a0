"""The price and the least time of a number of puts."""

import pytest

from bulkput.planning.cost import put_duration_s, put_price_usd

TEBIBYTE_PUTS = 2_097_152


def test_a_full_tebibyte_costs_12_dollars_58() -> None:
    assert put_price_usd(TEBIBYTE_PUTS) == pytest.approx(12.58, abs=0.005)
    assert put_price_usd(1000, usd_per_thousand=0.01) == pytest.approx(0.01)


def test_a_full_tebibyte_at_the_snapshots_quota_takes_35_minutes() -> None:
    assert put_duration_s(TEBIBYTE_PUTS, 1000) / 60 == pytest.approx(34.95, abs=0.01)
