"""Downloads to block devices: every byte of the volume, and zeros where there are none."""

import os

import pytest
from support.downloads import GIB, NEWER, OLDER, assert_holds
from support.served import BLOCK
from support.snapshots import make_snapshot, write_manifest

from bulkput.destination import zeroing
from bulkput.emulator.faults import FaultKind
from bulkput.ledger.manifest import manifest_path


def test_a_device_gets_every_block_and_zeros_between(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    with image.open("wb") as file:
        file.truncate(GIB + BLOCK)
        for index in (0, 2, 3, 4, 2048):
            os.pwrite(file.fileno(), b"old" * 1000, index * BLOCK)
    device = attach_loop(image)
    ended = bulkput("download", service.older, device, "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["kind"] == "device"
    assert_holds(image, OLDER | {2048: (b"old" * 1000).ljust(BLOCK, b"\0")}, GIB + BLOCK)
    ended = bulkput("download", service.newer, device, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(image, NEWER | {2048: (b"old" * 1000).ljust(BLOCK, b"\0")}, GIB + BLOCK)


@pytest.fixture
def used_device(tmp_path, attach_loop):
    """Attach a device that is full of something older where it matters; return it and its file."""

    def attach(size_bytes, *stale):
        image = tmp_path / "backing"
        with image.open("wb") as file:
            file.truncate(size_bytes)
            for index in stale:
                os.pwrite(file.fileno(), b"s" * BLOCK, index * BLOCK)
        return attach_loop(image), image

    return attach


def test_behind_the_sources_end_a_device_is_zeros_as_the_volume_is(
    bulkput, service, state_dir, used_device
):
    device, image = used_device(GIB, 1, 2, 900, 2047)
    blocks = {0: b"a" * BLOCK}
    snapshot_id = make_snapshot(service.url, blocks)
    path = manifest_path(state_dir, snapshot_id)
    write_manifest(path, snapshot_id, blocks, source_path="/d", source_size_bytes=2 * BLOCK)
    ended = bulkput("download", snapshot_id, device, "--output", "json")
    assert ended.status == 0, ended.err
    assert (ended.object["size_bytes"], ended.object["size_from"]) == (GIB, "volume")
    assert_holds(image, blocks)


def test_a_volume_that_grew_finds_zeros_on_the_device_where_it_grew(bulkput, service, used_device):
    device, image = used_device(2 * GIB, 2048, 3000, 4000, 4095)
    assert bulkput("download", service.older, device).status == 0
    child = make_snapshot(
        service.url, {4000: b"g" * BLOCK}, ParentSnapshotId=service.older, VolumeSize=2
    )
    ended = bulkput("download", child, device, "--changed-since", service.older)
    assert ended.status == 0, ended.err
    assert_holds(image, OLDER | {4000: b"g" * BLOCK}, 2 * GIB)


def test_a_source_that_grew_does_too_where_the_device_is_smaller_than_the_volume(
    bulkput, service, state_dir, used_device
):
    device, image = used_device(8 * BLOCK, 2, 3, 4, 5, 6)
    tail = b"t" * 1000
    older = {0: b"a" * BLOCK, 2: tail.ljust(BLOCK, b"\0")}
    newer = older | {4: b"n" * BLOCK}
    first = make_snapshot(service.url, older)
    second = make_snapshot(service.url, {4: newer[4]}, ParentSnapshotId=first)
    for snapshot_id, blocks, size_bytes in (
        (first, older, 2 * BLOCK + 1000),
        (second, newer, 6 * BLOCK),
    ):
        path = manifest_path(state_dir, snapshot_id)
        write_manifest(path, snapshot_id, blocks, source_path="/d", source_size_bytes=size_bytes)
    assert bulkput("download", first, device).status == 0
    ended = bulkput("download", second, device, "--changed-since", first)
    assert ended.status == 0, ended.err
    assert_holds(image, newer | {6: b"s" * BLOCK}, 8 * BLOCK)


def test_a_device_that_is_half_written_is_not_changed_until_it_is_whole(
    bulkput, service, tmp_path, attach_loop
):
    image = tmp_path / "backing"
    with image.open("wb") as file:
        file.truncate(GIB)
    device = attach_loop(image)
    service.fail("GetSnapshotBlock", FaultKind.ACCESS_DENIED, block_index=5, times=None)
    assert bulkput("download", service.older, device).status == 4
    service.emulator.faults.clear()
    change = ("download", service.newer, device, "--changed-since", service.older)
    ended = bulkput(*change)
    assert ended.status == 3
    assert f"finish that first with `bulkput download {service.older} {device}`" in ended.err
    assert bulkput("download", service.older, device).status == 0
    assert bulkput(*change).status == 0
    assert_holds(image, NEWER)


def test_a_device_that_is_too_small_is_left_alone(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    image.write_bytes(b"x" * BLOCK)
    ended = bulkput("download", service.older, attach_loop(image))
    assert ended.status == 3
    assert f"has {BLOCK} bytes, too few" in ended.err
    assert image.read_bytes() == b"x" * BLOCK


def test_a_device_in_use_is_left_alone(bulkput, service, tmp_path, attach_loop):
    image = tmp_path / "backing"
    image.write_bytes(b"x" * BLOCK)
    device = attach_loop(image)
    held = os.open(device, os.O_RDWR | os.O_EXCL)
    try:
        ended = bulkput("download", service.older, device)
    finally:
        os.close(held)
    assert ended.status == 3
    assert "is in use" in ended.err
    assert image.read_bytes() == b"x" * BLOCK


def test_zeros_are_written_where_the_kernel_makes_none(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000)
    with path.open("r+b") as file:
        zeroing.zero_device(file.fileno(), 100, 5000)  # a file takes no BLKZEROOUT
    assert path.read_bytes() == b"x" * 100 + bytes(5000) + b"x" * 4900
