"""Permits for pending snapshots: a place is free only when it is known to be."""

import pytest

from bulkput.fleet.permits import SEEN_WITHIN_S, PermitAnswer, PermitTable

GRANTED, FULL = PermitAnswer.GRANTED, PermitAnswer.FULL


def table(**options):
    permits = PermitTable(**{"quota": 10, "most": 9, "length_s": 20} | options)
    permits.seen_pending(0, ())
    return permits


@pytest.mark.parametrize(
    ("pending", "free"),
    [((), 9), (("s1",), 9), (("s1", "s2"), 8), ([f"s{n}" for n in range(12)], 0)],
)
def test_what_others_have_is_left_to_them(pending, free):
    permits = table()
    permits.seen_pending(1, pending)
    assert permits.free(2) == free


def test_no_permit_is_given_before_ec2_was_asked():
    assert PermitTable().ask(0, "v", "a") is FULL


def test_at_most_so_many_are_given_and_one_given_back_is_free():
    permits = table()
    assert [permits.ask(1, f"v{n}", "a") for n in range(10)] == [GRANTED] * 9 + [FULL]
    permits.give_back(2, "v0", "a", is_pending=False)
    assert permits.ask(2, "v9", "a") is GRANTED


def test_a_volume_has_one_permit_and_one_holder():
    permits = table()
    assert permits.ask(1, "v", "a") is GRANTED
    assert permits.ask(2, "v", "a") is GRANTED
    assert permits.ask(3, "v", "b") is PermitAnswer.HELD_BY_ANOTHER
    assert permits.ask(22, "v", "b") is GRANTED, "a's permit ran out at 22"
    permits.give_back(23, "v", "a", is_pending=False)
    assert permits.held == 1, "a has none to give back"


@pytest.mark.parametrize("pending", [(), ("snap",)])
def test_the_place_of_a_holder_that_vanished_is_held_until_ec2_was_asked_late_enough(pending):
    permits = table(quota=2, most=2)
    permits.ask(1, "v", "a", "snap")
    permits.seen_pending(21 + SEEN_WITHIN_S - 1, pending)
    assert permits.held == 1
    permits.seen_pending(21 + SEEN_WITHIN_S, pending)
    assert permits.held == 0
    assert permits.free(200) == 2 - len(pending)


def test_an_answer_of_ec2_that_was_asked_for_earlier_counts_for_nothing():
    permits = table()
    permits.seen_pending(9, ("x", "y", "z"))
    permits.seen_pending(8, ())
    assert permits.free(10) == 7


def test_a_pending_snapshot_is_counted_once_and_its_volume_needs_no_free_place():
    permits = table(quota=2, most=2)
    permits.seen_pending(1, ("s1", "s2"))
    assert permits.ask(2, "other", "a") is FULL
    assert permits.ask(2, "v", "a", "s1") is GRANTED
    assert permits.free(3) == 0


def test_a_permit_that_is_given_back_with_its_snapshot_pending_is_held_until_ec2_counts_it():
    permits = table(quota=1, most=1)
    permits.ask(1, "v", "a", "s1")
    permits.give_back(2, "v", "a", is_pending=True)
    assert permits.free(3) == 0
    assert permits.ask(3, "v", "b", "s1") is GRANTED, "its own volume goes on with it"


def test_a_table_that_is_started_again_learns_who_holds_permits_before_it_gives_any():
    permits = table(learns_from_s=100)
    assert permits.report(101, "v", "a", "s1")
    permits.seen_pending(119 + SEEN_WITHIN_S, ("s1",))
    assert permits.ask(240, "w", "b") is FULL
    assert permits.report(241, "v", "a", "s1"), "the silence was shorter than EC2 takes to show it"
    permits.seen_pending(120 + SEEN_WITHIN_S, ("s1",))
    assert permits.ask(242, "w", "b") is GRANTED
    assert permits.held == 2
