"""Manifests: what was written is what is read, and nothing damaged is ever read."""

import fcntl
import os
import stat
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkput.ledger.manifest import MAGIC, Manifest, manifest_path
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter
from bulkput.model.block import BLOCK_COUNT_MAX, BLOCKS_PER_GIB, Extent
from bulkput.model.errors import DamagedManifestError, ManifestError

SNAPSHOT = "snap-0123456789abcdef0"


def header_of(volume_size_gib=1, **facts):
    return ManifestHeader(
        **{
            "snapshot_id": SNAPSHOT,
            "parent_snapshot_id": None,
            "volume_size_gib": volume_size_gib,
            "block_count": volume_size_gib * BLOCKS_PER_GIB,
            "source_path": "/disks/web.img",
            "source_size_bytes": 5,
            "encrypted": False,
            "region": "eu-central-1",
            "endpoint_url": None,
            "created_unix_s": 1.5,
            "program_version": "0.1.0",
        }
        | facts
    )


def rows(indexes):
    """Return a digest for each index, known by its first bytes."""
    found = np.zeros((len(indexes), 32), dtype=np.uint8)
    found[:, :8] = np.asarray(indexes, dtype="<u8").view(np.uint8).reshape(-1, 8)
    found[:, 31] = 1
    return found


def write(path, indexes, header=None, step=None):
    indexes = np.asarray(indexes, dtype=np.int64)
    with ManifestWriter(path, header or header_of()) as writer:
        for at in range(0, len(indexes), step or max(len(indexes), 1)):
            part = indexes[at : at + (step or len(indexes))]
            writer.add(part, rows(part))
        writer.finish()
    return path


@pytest.fixture
def path(tmp_path):
    return manifest_path(tmp_path / "state", SNAPSHOT)


@settings(deadline=None, max_examples=60)
@given(
    present=st.sets(st.one_of(st.integers(0, 40), st.integers(2000, 2047)), max_size=60),
    step=st.integers(1, 9),
    window=st.tuples(st.integers(0, 2047), st.integers(0, 2047)).map(sorted),
)
def test_any_set_of_blocks_is_read_as_it_was_written(tmp_path_factory, present, step, window):
    path = tmp_path_factory.mktemp("any") / "a.manifest"
    start, stop = window
    with Manifest.open(write(path, sorted(present), step=step)) as manifest:
        assert manifest.header == header_of()
        assert manifest.present_count == len(present)
        expected = [index in present for index in range(start, stop)]
        assert manifest.present(start, stop).tolist() == expected
        wanted = rows(range(start, stop))
        wanted[~np.array(expected, dtype=np.bool_)] = 0
        assert (manifest.digests(start, stop) == wanted).all()
        found = list(manifest.extents(start, stop))
        assert [i for run in found for i in range(*run)] == sorted(
            index for index in present if start <= index < stop
        )
        assert all(one.stop < other.start for one, other in pairwise(found))


def test_a_manifest_of_64_tib_costs_what_it_holds(path):
    last = BLOCK_COUNT_MAX - 1
    write(path, [0, 1, 77_000_000, last], header_of(65_536))
    assert path.stat().st_size < 1024
    with Manifest.open(path) as manifest:
        assert list(manifest.extents()) == [
            Extent(0, 2),
            Extent(77_000_000, 77_000_001),
            Extent(last, last + 1),
        ]
        assert (manifest.digests(last - 1, last + 1) == [[0] * 32, rows([last])[0].tolist()]).all()


def test_more_runs_than_are_looked_at_in_one_go_are_all_found(path, monkeypatch):
    monkeypatch.setattr("bulkput.ledger.manifest._RUNS_AT_ONCE", 3)
    indexes = list(range(0, 40, 2))
    with Manifest.open(write(path, indexes)) as manifest:
        assert list(manifest.extents()) == [Extent(index, index + 1) for index in indexes]
        assert np.flatnonzero(manifest.present(0, 50)).tolist() == indexes


def test_every_flipped_byte_is_found_and_the_file_named(tmp_path):
    path = write(tmp_path / "a.manifest", [0, 1, 5, 9])
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0x40]) + content[position + 1 :]
        )
        with pytest.raises(ManifestError, match=r"a\.manifest: "):
            Manifest.open(path)


def test_every_cut_is_found(tmp_path):
    path = write(tmp_path / "a.manifest", [0, 1, 5, 9])
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(ManifestError):
            Manifest.open(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedManifestError):
        Manifest.open(path)


def test_what_is_no_manifest_or_of_another_version_is_distinguished_from_damage(tmp_path):
    path = write(tmp_path / "a.manifest", [0])
    content = path.read_bytes()
    path.write_bytes(MAGIC + b"\x02" + content[9:])
    with pytest.raises(ManifestError, match="version 2, and this program reads 1") as other:
        Manifest.open(path)
    assert other.value.status == 3
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedManifestError, match="SHA-256 does not match") as damaged:
        Manifest.open(path)
    assert damaged.value.status == 7
    path.write_bytes(b"\x7fELF" + bytes(500))
    with pytest.raises(ManifestError, match="is not a manifest"):
        Manifest.open(path)
    with pytest.raises(ManifestError, match="there is no manifest here"):
        Manifest.open(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for nothing in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ManifestError, match="is not a manifest"):
            Manifest.open(nothing, is_named=True)


@pytest.mark.parametrize(
    "facts",
    [
        {"snapshot_id": "vol-1"},
        {"snapshot_id": None},
        {"parent_snapshot_id": ""},
        {"block_count": 2047},
        {"encrypted": 1},
        {"source_size_bytes": -1},
        {"region": ""},
    ],
)
def test_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(ValueError, match=f"{next(iter(facts))}: expected"):
        header_of(**facts)


def test_it_is_private_and_replaced_as_a_whole(path):
    write(path, [1, 2])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with ManifestWriter(path, header_of()) as writer:
        writer.add(np.array([7]), rows([7]))
        with Manifest.open(path) as old:
            assert old.present_count == 2
        writer.finish()
        with Manifest.open(path) as new:
            assert list(new.extents()) == [Extent(7, 8)]
    assert list(path.parent.iterdir()) == [path]


def test_one_that_was_not_finished_leaves_nothing_behind(path):
    with ManifestWriter(path, header_of()) as writer:
        writer.add(np.array([7]), rows([7]))
    assert list(path.parent.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(path):
    write(path, [1])
    dead, alive = (path.with_name(f"{path.name}.{name}.new") for name in ("dead", "alive"))
    dead.touch()
    with alive.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write(path, [2])
        assert sorted(path.parent.iterdir()) == sorted([path, alive])


@pytest.mark.parametrize("indexes", [[3, 3], [4, 3], [2048], [-1]])
def test_blocks_out_of_order_or_beyond_the_volume_are_refused(path, indexes):
    with ManifestWriter(path, header_of()) as writer, pytest.raises(ValueError, match="ascending"):
        writer.add(np.array(indexes), np.zeros((len(indexes), 32), dtype=np.uint8))


def test_a_full_disk_is_temporary_and_leaves_the_old_one(path, monkeypatch):
    write(path, [1])

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="the disk is full") as error:
        write(path, [2])
    assert error.value.status == 5
    with Manifest.open(path) as old:
        assert list(old.extents()) == [Extent(1, 2)]
    assert list(path.parent.iterdir()) == [path]
