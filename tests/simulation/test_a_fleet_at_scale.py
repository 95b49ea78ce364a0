"""A fleet of the largest size uses its quota, and asks its actor for little."""

import pytest
from simulation.fleet_at_scale import FleetAtScale


def check(figures):
    assert figures.use > 0.9, figures
    assert figures.took_s < 1.1 * figures.ideal_s, figures
    assert figures.calls_per_s < 150, figures
    assert figures.calls_most < 500, figures


def small():
    return FleetAtScale(0, 400, 600, volumes=200, hosts=20)


def test_a_small_fleet_uses_its_quota_although_a_host_is_lost():
    figures = small().run()
    assert figures.use > 0.8, figures
    assert figures.took_s < 1.15 * figures.ideal_s, figures


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("capacity", "mean_blocks"), [(1000, 1500), (5000, 7500)])
def test_five_thousand_volumes_on_two_hundred_hosts_use_the_quota(capacity, mean_blocks):
    check(FleetAtScale(0, capacity, mean_blocks).run())
