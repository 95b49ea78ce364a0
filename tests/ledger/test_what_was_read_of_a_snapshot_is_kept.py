"""Digests of an interrupted reading: the whole records of the same snapshot, and nothing else."""

import os

import numpy as np
import pytest

from bulkput.ledger.partial_manifest import PartialManifest

KEY = ("snap-1", "eu-west-1", "")
INDEXES = np.array([0, 3, 4, 90, 91], dtype=np.int64)
DIGESTS = np.arange(5 * 32, dtype=np.uint8).reshape(5, 32)


@pytest.fixture
def path(tmp_path):
    kept = PartialManifest(tmp_path / "m", KEY)
    assert len(kept.take(INDEXES)) == 0
    kept.add(INDEXES[:2], DIGESTS[:2])
    kept.add(INDEXES[2:4], DIGESTS[2:4])
    kept.close()
    return tmp_path / "m"


def taken(path, key=KEY, indexes=INDEXES):
    kept = PartialManifest(path, key)
    found = kept.take(indexes)
    kept.close()
    return found


def test_it_is_given_back_in_order_and_goes_on(path):
    kept = PartialManifest(path, KEY)
    assert np.array_equal(kept.take(INDEXES[:2]), DIGESTS[:2])
    assert np.array_equal(kept.take(INDEXES[2:]), DIGESTS[2:4])
    kept.add(INDEXES[4:], DIGESTS[4:])
    kept.close()
    assert np.array_equal(taken(path), DIGESTS)


def test_of_another_snapshot_nothing_is_taken(path):
    assert len(taken(path, ("snap-2", "eu-west-1", ""))) == 0
    assert len(taken(path)) == 0  # it was begun anew


def test_another_list_ends_what_is_taken(path):
    assert len(taken(path, indexes=np.array([0, 3, 5, 90], dtype=np.int64))) == 2


@pytest.mark.parametrize("spoils", ["torn", "flipped", "empty", "head"])
def test_what_is_damaged_is_read_again(path, spoils):
    file = path.with_name("m.part")
    content = bytearray(file.read_bytes())
    if spoils == "torn":
        content = content[:-3]
    elif spoils == "flipped":
        content[40 + 2 * 44 + 20] ^= 1
    elif spoils == "empty":
        content = content[:0]
    else:
        content[0] ^= 1
    file.write_bytes(content)
    expected = {"torn": 3, "flipped": 2, "empty": 0, "head": 0}[spoils]
    found = taken(path)
    assert np.array_equal(found, DIGESTS[:expected])


def test_a_second_reader_keeps_nothing_and_disturbs_nothing(path):
    first, second = PartialManifest(path, KEY), PartialManifest(path, KEY)
    assert len(second.take(INDEXES)) == 0
    second.add(INDEXES, DIGESTS)
    second.remove()
    assert np.array_equal(first.take(INDEXES), DIGESTS[:4])
    first.remove()
    assert not path.with_name("m.part").exists()


def test_a_link_in_its_place_is_not_followed(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    file = path.with_name("m.part")
    file.unlink()
    file.symlink_to(victim)
    assert len(taken(path)) == 0
    assert victim.read_bytes() == b"precious"


def test_it_is_private(path):
    assert os.stat(path.with_name("m.part")).st_mode & 0o777 == 0o600  # noqa: PTH116 - a mode
