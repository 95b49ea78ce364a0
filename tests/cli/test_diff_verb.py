"""``diff`` against a real server: every range once, with who has it."""

import pytest
from support.served import BLOCK, Served
from support.snapshots import make_snapshot

from bulkput.emulator.faults import FaultKind
from bulkput.jobs.session import snapshot_reader

OLDER = dict.fromkeys((0, 1, 2, 3, 150), b"a" * BLOCK)
CHANGES = dict.fromkeys((2, 3, 4, 150, 151, 2047), b"b" * BLOCK)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a server that has an older snapshot and its child, which no test may change."""
    served = Served(tmp_path_factory.mktemp("diff") / "served")
    served.older = make_snapshot(served.url, OLDER)
    served.newer = make_snapshot(served.url, CHANGES, ParentSnapshotId=served.older)
    yield served
    served.stop()


@pytest.fixture
def service(served, tmp_path, monkeypatch):
    for name, value in served.environment(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    served.emulator.faults.clear()
    return served


def test_each_range_is_a_line_with_who_has_it(bulkput, service):
    ended = bulkput("diff", service.older, service.newer)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == [
        f"blocks 2-3, bytes {2 * BLOCK}-{4 * BLOCK - 1}: in both",
        f"block 4, bytes {4 * BLOCK}-{5 * BLOCK - 1}: only in {service.newer}",
        f"block 150, bytes {150 * BLOCK}-{151 * BLOCK - 1}: in both",
        f"block 151, bytes {151 * BLOCK}-{152 * BLOCK - 1}: only in {service.newer}",
        f"block 2047, bytes {2047 * BLOCK}-{2048 * BLOCK - 1}: only in {service.newer}",
    ]
    assert f"6 blocks (3.0 MiB) in 5 ranges: 3 in both, 0 only in {service.older}" in ended.err


def test_the_other_way_round_they_are_the_firsts(bulkput, service):
    facts = bulkput("diff", service.newer, service.older, "--output", "json").object
    ranges = facts.pop("ranges")
    assert facts.pop("elapsed_s") >= 0
    assert facts == {
        "status": "compared",
        "first_snapshot_id": service.newer,
        "second_snapshot_id": service.older,
        "blocks": {"total": 6, "both": 3, "first": 3, "second": 0},
        "bytes": 6 * BLOCK,
        "error": None,
        "exit_code": 0,
    }
    assert ranges[0] == {
        "present_in": "both",
        "first_block": 2,
        "block_count": 2,
        "first_byte": 2 * BLOCK,
        "byte_count": 2 * BLOCK,
    }
    assert [each["present_in"] for each in ranges] == ["both", "first", "both", "first", "first"]


def test_ranges_are_joined_across_pages(bulkput, service, monkeypatch):
    child = make_snapshot(
        service.url,
        {index: bytes(BLOCK) for index in range(250)},
        ParentSnapshotId=service.older,
    )
    monkeypatch.setattr(snapshot_reader, "PAGE_BLOCKS", 100)
    service.fail("ListChangedBlocks", FaultKind.EMPTY_PAGE, nth=2)
    service.fail("ListChangedBlocks", FaultKind.INTERNAL_ERROR, nth=2)
    ranges = bulkput("diff", service.older, child, "--output", "json").object["ranges"]
    assert [(each["first_block"], each["block_count"]) for each in ranges] == [
        (0, 4),
        (4, 146),
        (150, 1),
        (151, 99),
    ]
    assert service.emulator.faults.unreached() == []


def test_the_same_snapshot_does_not_differ(bulkput, service):
    ended = bulkput("diff", service.older, service.older)
    assert (ended.status, ended.out) == (0, "")
    assert "do not differ" in ended.err


def test_what_is_not_comparable_is_one_sentence(bulkput, service):
    stranger = make_snapshot(service.url, {0: b"s" * BLOCK})
    for words, status, message in (
        ((service.older, stranger), 7, "not related"),
        ((service.older, "snap-0123456789abcdef0"), 7, "EC2 does not know it"),
        (("vol-1", service.older), 3, "snapshot's id"),
    ):
        ended = bulkput("diff", *words)
        assert (ended.status, ended.out) == (status, "")
        assert message in ended.err
        assert "Traceback" not in ended.err


def test_a_list_that_may_not_be_had_is_a_permission(bulkput, service):
    service.fail("ListChangedBlocks", FaultKind.ACCESS_DENIED)
    ended = bulkput("diff", service.older, service.newer, "--output", "json")
    assert ended.status == 4
    assert ended.object["exit_code"] == 4
    assert "ebs:ListChangedBlocks" in ended.err
