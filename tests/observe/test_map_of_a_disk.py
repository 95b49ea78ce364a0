"""What became of a disk, region by region."""

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


def test_a_disk_of_the_same_size_keeps_what_is_known():
    found = map_of(8)
    found.add(BlockFate.DATA, 3)
    found.begin(8)
    assert found.as_dict()["cells"] == {"data": [0, 0, 0, 1, 0, 0, 0, 0]}
    found.begin(9)
    assert found.as_dict()["cells"] == {}
