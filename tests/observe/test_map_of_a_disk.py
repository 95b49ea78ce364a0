"""What became of a disk, region by region."""

import copy

import pytest

from bulkput.model.disk_map import CELLS_MAX, BlockFate, DiskMap


def map_of(block_count):
    found = DiskMap()
    found.begin(block_count)
    return found


@pytest.mark.parametrize("block_count", [1, 7, CELLS_MAX, CELLS_MAX + 1, 5 * CELLS_MAX - 3])
def test_every_block_is_counted_once_in_its_region(block_count):
    found = map_of(block_count)
    found.add(BlockFate.DATA, 0, block_count + 9)  # of which the disk has none
    counts = found.as_dict()["cells"]["data"]
    assert len(counts) == found.cell_count <= CELLS_MAX
    assert sum(counts) == block_count
    assert set(counts[:-1]) <= {found.blocks_per_cell}
    found.add(BlockFate.ZEROS, block_count - 1)
    assert found.as_dict()["cells"]["zeros"] == [0] * (found.cell_count - 1) + [1]


def test_a_map_grows_by_what_came_since_the_last_look():
    total, part = map_of(8), map_of(8)
    total.add(BlockFate.RESUMED, 0, 2)
    before = map_of(8)
    for fate, start, stop in (
        (BlockFate.DATA, 2, 5),
        (BlockFate.DATA, 5, 6),
        (BlockFate.ZEROS, 6, 8),
    ):
        part.add(fate, start, stop)
        now = copy.deepcopy(part)
        total.grow(now, before)
        before = now
    cells = total.as_dict()["cells"]
    assert {fate: sum(counts) for fate, counts in cells.items()} == {
        "resumed": 2,
        "data": 4,
        "zeros": 2,
    }
    assert cells["data"] == [0, 0, 1, 1, 1, 1, 0, 0]


def test_a_map_of_another_size_changes_nothing():
    total, other = map_of(8), map_of(4)
    other.add(BlockFate.DATA, 0, 4)
    total.grow(other, map_of(4))
    assert total.as_dict()["cells"] == {}


def test_a_disk_of_the_same_size_keeps_what_is_known():
    found = map_of(8)
    found.add(BlockFate.DATA, 3)
    found.begin(8)
    assert found.as_dict()["cells"] == {"data": [0, 0, 0, 1, 0, 0, 0, 0]}
    found.begin(9)
    assert found.as_dict()["cells"] == {}
