"""What a client wants follows what it sends."""

import pytest

from bulkput.fleet.demand import Demand


@pytest.mark.parametrize(
    ("sent", "leased", "wants"),
    [(200, 100, 1000), (180, 100, 1000), (100, 100, 75), (0, 100, 2), (0, 0, 1000), (40, 500, 30)],
)
def test_a_client_wants_all_while_its_lease_holds_it_and_half_as_much_again_else(
    sent, leased, wants
):
    demand = Demand(1000)
    assert demand.measure(0, 0, leased) == 1000
    assert demand.measure(0.5, 1, leased) == 1000, "not measured yet"
    assert demand.measure(2, sent, leased) == wants


def test_a_client_that_was_idle_has_its_part_again_soon():
    demand, now_s, sent, leased = Demand(1000), 0.0, 0, 100.0
    for able in [0] * 50 + [500] * 3:
        now_s += 2
        sent += int(2 * min(able, leased))
        leased = min(1000 / 3, demand.measure(now_s, sent, leased))
    assert leased == pytest.approx(1000 / 3)
