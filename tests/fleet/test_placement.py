"""Which volume starts where, and what follows its end."""

import pytest

from bulkput.fleet.placement import Host, Phase, Placement, Start, Volume, in_start_order
from bulkput.fleet.retries import DELAY_MAX_S, LOST, retry_delay_s

A, B = Host("a", 2), Host("b", 2, {"rack": "7"})


def starts(placement, now_s=0.0, hosts=(A, B), most=90):
    return [(each.volume, each.host) for each in placement.next_starts(now_s, hosts, most)]


def test_the_begun_come_first_then_large_and_small_by_turns():
    sizes = {"s": 1, "l": 9, "?": None, "t": 2, "m": 5}
    volumes = [Volume(name, size) for name, size in sizes.items()]
    volumes += [Volume("b", 5, is_begun=True), Volume("c", 6, is_begun=True)]
    assert [each.name for each in in_start_order(volumes)] == ["c", "b", "?", "s", "l", "t", "m"]
    assert in_start_order([]) == []


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([Volume("1"), Volume("2")], [("1", "a"), ("2", "b")]),
        ([Volume(str(n)) for n in range(6)], [("0", "a"), ("1", "b"), ("2", "a"), ("3", "b")]),
        (
            [Volume("1", host="b"), Volume("2", host="b"), Volume("3", host="b")],
            [("1", "b"), ("2", "b")],
        ),
        ([Volume("1", labels={"rack": "7"})], [("1", "b")]),
        ([Volume("1", labels={"rack": "8"})], []),
        ([Volume("1", host="c"), Volume("2")], [("2", "a")]),
        ([Volume("1"), Volume("2", host="a")], [("1", "b"), ("2", "a")]),
    ],
)
def test_a_volume_starts_on_a_host_that_may_have_it_and_has_room(volumes, expected):
    assert starts(Placement(volumes)) == expected


def test_no_more_start_than_there_are_permits():
    placement = Placement([Volume("1"), Volume("2"), Volume("3")])
    assert len(starts(placement, most=2)) == 2
    assert starts(placement, most=0) == []


@pytest.mark.parametrize(
    ("exit_code", "attempts"),
    [
        (2, 1),
        (3, 1),
        (4, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (5, 11),
        (9, 11),
        (10, 4),
        (1, 2),
        (137, 3),
        (LOST, 4),
    ],
)
def test_a_volume_stops_after_the_retries_of_how_it_ends_and_the_others_go_on(exit_code, attempts):
    placement = Placement([Volume("poison"), Volume("good")])
    now_s, tried = 0.0, 0
    while placement.phase("poison") is not Phase.FAILED:
        for start in placement.next_starts(now_s, (A, B), 90):
            tried += start.volume == "poison"
            end = exit_code if start.volume == "poison" else 0
            placement.ended(now_s, start.volume, start.attempt, end)
        now_s += DELAY_MAX_S
    assert tried == attempts
    assert placement.exit_code("poison") == exit_code
    assert placement.phase("good") is Phase.DONE
    assert placement.is_over


def test_the_wait_doubles_up_to_its_limit():
    delays = [retry_delay_s(5, earlier) for earlier in range(11)]
    assert delays == [
        5,
        10,
        20,
        40,
        80,
        160,
        DELAY_MAX_S,
        DELAY_MAX_S,
        DELAY_MAX_S,
        DELAY_MAX_S,
        None,
    ]


def test_configured_retries_take_the_place_of_the_table():
    assert retry_delay_s(137, 0, {137: 0, 128: 2}) is None
    assert retry_delay_s(139, 0, {137: 0, 128: 2}) is not None
    assert retry_delay_s(7, 0, {7: 1}) is not None


def test_volumes_of_a_lost_host_start_elsewhere_or_wait_for_it():
    placement = Placement([Volume("free"), Volume("pinned", host="a")])
    assert starts(placement, hosts=(A,)) == [("free", "a"), ("pinned", "a")]
    for each in placement.running():
        placement.ended(1, each.volume, each.attempt, LOST)
    assert starts(placement, 2, (B,)) == [], "not at once"
    assert starts(placement, 10, (B,)) == [("free", "b")]
    assert starts(placement, 20, (A, B)) == [("pinned", "a")]


def test_a_volume_whose_host_came_back_with_it_done_is_done():
    placement = Placement([Volume("v")])
    placement.next_starts(0, (A,), 9)
    placement.ended(1, "v", 1, LOST)
    placement.ended(2, "v", 1, 5)
    assert placement.phase("v") is Phase.WAITING, "how a lost attempt failed counts for nothing"
    placement.ended(3, "v", 1, 0)
    assert placement.phase("v") is Phase.DONE
    assert starts(placement, 100) == []


def test_a_machine_that_failed_a_volume_is_not_its_next_one_if_there_is_another():
    placement = Placement([Volume("v")])
    assert starts(placement) == [("v", "a")]
    placement.ended(0, "v", 1, 10)
    assert starts(placement, 10) == [("v", "b")]


def test_a_start_that_was_taken_back_is_offered_again():
    placement = Placement([Volume("v")])
    start = placement.next_starts(0, (A,), 9)[0]
    assert placement.running() == [start]
    placement.not_started(start)
    assert placement.next_starts(0, (A,), 9) == [Start("v", "a", 2)]
