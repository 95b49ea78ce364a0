"""What one of several wants follows what it uses, and whether its share holds it back."""

import math

import pytest

from bulkput.pace.demand import HELD_SHARE, MEASURE_S, Demand, Use

ALL = math.inf


@pytest.mark.parametrize(
    ("calls", "held_s", "wants"),
    [
        (200, 2.0, ALL),
        (1, 2.0, ALL),  # at half a call a second there is one in two seconds, or two
        (0, 2.0, ALL),  # held back altogether
        (200, 1.0, ALL),
        (200, 0.9, 150),
        (100, 0.0, 75),
        (3, 0.0, 2.25),
        (0, 0.0, 2),
    ],
)
def test_all_is_wanted_while_the_share_holds_calls_back_and_half_as_much_again_else(
    calls, held_s, wants
):
    demand = Demand()
    assert demand.measure(7, Use(5, 3.0), 2) == ALL
    assert demand.measure(7 + MEASURE_S / 2, Use(5, 3.0), 2) == ALL, "not measured yet"
    assert demand.measure(9, Use(5 + calls, 3.0 + held_s), 2) == wants
    assert demand.per_s == wants


def test_what_is_wanted_before_anything_is_measured_is_for_the_caller_to_say():
    demand = Demand(0.0)
    assert demand.measure(0, Use(0, 0.0), 2) == 0
    assert demand.measure(MEASURE_S, Use(0, HELD_SHARE * MEASURE_S), 2) == ALL


def test_one_that_counts_from_nothing_again_begins_anew():
    demand = Demand()
    uses = [Use(5, 0.0), Use(9, 0.0), Use(0, 0.0), Use(0, 0.0)]
    assert [demand.measure(now_s, use, 2) for now_s, use in enumerate(uses)] == [ALL, 6, ALL, 2]


def test_each_span_is_measured_by_itself():
    demand = Demand()
    wants = [demand.measure(now_s, Use(0, min(now_s, 3.0)), 2) for now_s in range(8)]
    assert wants == [ALL, ALL, ALL, ALL, 2, 2, 2, 2]
