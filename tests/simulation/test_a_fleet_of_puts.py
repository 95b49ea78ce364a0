"""Put by put, a fleet uses its quota and is hardly refused, while volumes begin and end."""

import pytest
from simulation import fleet_of_puts
from simulation.fleet_of_puts import FleetOfPuts

from bulkput.pace import demand


def small(seed):
    sizes = [100 + 97 * number % 300 for number in range(6)]
    return FleetOfPuts(seed, sizes, quota=40.0, at_a_time=4).run()


def test_what_a_volume_leaves_at_its_end_others_use_within_seconds():
    fleet = small(0)
    assert fleet.used_share > 0.92
    assert fleet.throttled_share < 0.005


def test_a_volume_that_would_not_know_that_its_share_holds_it_back_is_noticed(monkeypatch):
    monkeypatch.setattr(demand, "HELD_SHARE", float("inf"))
    assert small(1).used_share < 0.6


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_the_fleet_that_is_shown_on_real_hosts_keeps_to_the_same_bars(seed, monkeypatch):
    monkeypatch.setattr(fleet_of_puts, "STALL_EVERY_S", 10.0)
    sizes = [600 + 137 * number % 500 for number in range(24)]
    fleet = FleetOfPuts(seed, sizes, quota=100.0, at_a_time=12).run()
    assert 0.95 < fleet.used_share <= 1.0
    assert fleet.throttled_share < 0.005
