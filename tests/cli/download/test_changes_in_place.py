"""``download --changed-since`` brings what changed, and refuses what holds something else."""

import pytest
from support.downloads import GIB, NEWER, OLDER, assert_holds
from support.served import BLOCK
from support.snapshots import make_snapshot

from bulkput.emulator.faults import FaultKind


def test_only_what_changed_is_brought_in_place(bulkput, service, older_file):
    inode = older_file.stat().st_ino
    ended = bulkput(
        *("download", service.newer, older_file, "--changed-since", service.older),
        *("--output", "json"),
    )
    assert ended.status == 0, ended.err
    assert ended.object["blocks"] == {"total": 2048, "got": 3, "resumed": 0, "zero": 1}
    assert older_file.stat().st_ino == inode
    assert_holds(older_file, NEWER)
    assert older_file.stat().st_blocks * 512 == 4 * BLOCK  # block 5 is a hole now


def test_blocks_that_only_the_older_snapshot_has_become_zeros(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", service.newer, path).status == 0
    ended = bulkput("download", service.older, path, "--changed-since", service.newer)
    assert ended.status == 0, ended.err
    assert_holds(path, OLDER)


def test_an_interrupted_change_goes_on_and_reads_what_it_finds(bulkput, service, older_file):
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=7, times=None)
    ask = ("download", service.newer, older_file, "--changed-since", service.older)
    assert bulkput(*ask).status == 4
    service.emulator.faults.clear()
    with older_file.open("r+b") as file:
        file.seek(BLOCK)
        file.write(b"somebody else's")
    ended = bulkput(*ask, "--output", "json")
    assert ended.status == 0, ended.err
    assert_holds(older_file, NEWER)


@pytest.fixture
def half_changed(bulkput, service, older_file):
    """Change a file in place until block 7 is refused; return the file."""
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=7, times=None)
    ask = ("download", service.newer, older_file, "--changed-since", service.older)
    assert bulkput(*ask).status == 4
    service.emulator.faults.clear()
    return older_file


def test_a_file_that_is_half_changed_is_not_taken_for_the_older_snapshot(
    bulkput, service, half_changed
):
    sibling = make_snapshot(service.url, {0: b"s" * BLOCK}, ParentSnapshotId=service.older)
    ask = ("download", sibling, half_changed, "--changed-since", service.older)
    ended = bulkput(*ask)
    assert ended.status == 3
    first = f"bulkput download {service.newer} {half_changed} --changed-since {service.older}"
    assert f"finish that first with `{first}`" in ended.err
    assert bulkput(*first.split()[1:]).status == 0
    assert_holds(half_changed, NEWER)
    back = ("download", service.older, half_changed, "--changed-since", service.newer)
    assert bulkput(*back).status == 0
    assert bulkput(*ask).status == 0
    assert_holds(half_changed, OLDER | {0: b"s" * BLOCK})


def test_a_half_changed_file_that_is_replaced_as_a_whole_is_whole(bulkput, service, half_changed):
    assert bulkput("download", service.older, half_changed, "--force").status == 0
    child = make_snapshot(service.url, {0: b"c" * BLOCK}, ParentSnapshotId=service.older)
    ended = bulkput("download", child, half_changed, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(half_changed, OLDER | {0: b"c" * BLOCK})


def test_a_file_of_another_size_or_none_holds_no_older_snapshot(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    ask = ("download", service.newer, path, "--changed-since", service.older)
    ended = bulkput(*ask)
    assert ended.status == 3
    assert "does not exist" in ended.err
    path.write_bytes(bytes(BLOCK))
    ended = bulkput(*ask)
    assert ended.status == 3
    assert f"a file that holds {service.older} has {GIB}" in ended.err
    assert path.read_bytes() == bytes(BLOCK)


def test_a_snapshot_of_another_lineage_has_no_changes_to_bring(bulkput, service, older_file):
    stranger = make_snapshot(service.url, {0: b"s" * BLOCK})
    ended = bulkput("download", stranger, older_file, "--changed-since", service.older)
    assert ended.status == 7
    assert "not related" in ended.err
    assert_holds(older_file, OLDER)
    ended = bulkput("download", service.newer, older_file, "--changed-since", service.older)
    assert ended.status == 0, ended.err


def test_a_volume_that_grew_makes_the_file_grow(bulkput, service, older_file):
    child = make_snapshot(
        service.url, {4000: b"g" * BLOCK}, ParentSnapshotId=service.older, VolumeSize=2
    )
    ended = bulkput("download", child, older_file, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(older_file, OLDER | {4000: b"g" * BLOCK}, 2 * GIB)
