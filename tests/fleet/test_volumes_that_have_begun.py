"""Which volumes have pending snapshots, and what follows: they start first, and need no permit."""

from types import SimpleNamespace

import pytest

from bulkput.fleet.begun import Recorded, pending_by_upload, recorded_of
from bulkput.fleet.placement import Host, Placement, Volume, in_start_order

HOSTS = (Host("a", 9),)


def found(snapshot_id, folder=None, alive=" alive=5"):
    tags = {"bulkput": f"s3://bucket/prefix/{folder}{alive}"} if folder else {}
    return SimpleNamespace(snapshot_id=snapshot_id, tags=tags)


def record(*, delivered=False, **snapshots):
    volumes = {name: SimpleNamespace(snapshot_id=each) for name, each in snapshots.items()}
    return SimpleNamespace(delivered=delivered, volumes=volumes)


@pytest.mark.parametrize(
    ("pending", "recorded", "expected"),
    [
        ([], Recorded(unfinished={"f": "snap-1"}), {}),
        ([found("snap-1", "f")], Recorded(), {"f": "snap-1"}),
        ([found("snap-1", "f", alive="")], Recorded(), {"f": "snap-1"}),
        ([found("snap-1")], Recorded(), {}),
        ([found("snap-1")], Recorded(unfinished={"f": "snap-1"}), {"f": "snap-1"}),
        ([found("snap-1", "f")], Recorded(reported=frozenset({"snap-1"})), {}),
        (
            [found("snap-1", "f"), found("snap-2", "f")],
            Recorded(unfinished={"f": "snap-1"}),
            {"f": "snap-1"},
        ),
    ],
)
def test_a_snapshot_is_a_volumes_by_its_tag_or_by_the_record(pending, recorded, expected):
    assert pending_by_upload(pending, recorded) == expected


@pytest.mark.parametrize(
    ("of_job", "is_fresh", "expected"),
    [
        (None, False, Recorded()),
        (None, True, Recorded()),
        (record(f="snap-1", g=None), False, Recorded(unfinished={"f": "snap-1"})),
        (record(f="snap-1"), True, Recorded(reported=frozenset({"snap-1"}))),
        (record(f="snap-1", delivered=True), False, Recorded(reported=frozenset({"snap-1"}))),
    ],
)
def test_a_round_that_is_over_has_nothing_unfinished(of_job, is_fresh, expected):
    assert recorded_of(of_job, is_fresh=is_fresh) == expected


def test_they_start_first_whatever_their_size():
    volumes = in_start_order([Volume("large", 9), Volume("begun", 1, is_begun=True)])
    placement = Placement(volumes)
    assert [each.volume for each in placement.next_starts(0, HOSTS, 1)] == ["begun"]


@pytest.mark.parametrize(
    ("most", "expected"), [(0, ["b", "d"]), (1, ["a", "b", "d"]), (9, ["a", "b", "c", "d"])]
)
def test_permits_are_for_those_that_have_not_begun(most, expected):
    placement = Placement([Volume(name) for name in "abcd"])
    starts = placement.next_starts(0, HOSTS, most, {"b", "d"})
    assert [each.volume for each in starts] == expected
