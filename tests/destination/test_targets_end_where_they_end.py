"""The last block of a destination is a part of one, and what is behind it is somebody else's."""

import os

import pytest

from bulkput.destination.destination import Target
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import IntegrityError

HALF = BLOCK_SIZE_BYTES // 2
OLD, NEW = b"o", b"n"
BEHIND = b"behind" * 1000


@pytest.fixture
def target(tmp_path):
    """Give a destination of two blocks and a half, with bytes behind that are not its own."""
    path = tmp_path / "copy.img"
    path.write_bytes(OLD * 5 * HALF + BEHIND)
    made = Target(os.open(path, os.O_RDWR), path, "file", 5 * HALF)
    yield made
    made.close()


def test_of_the_last_block_as_much_is_written_as_fits(target):
    assert target.block_count == 3
    target.write(2, (NEW * HALF).ljust(BLOCK_SIZE_BYTES, b"\0"))
    assert target.path.read_bytes() == OLD * 4 * HALF + NEW * HALF + BEHIND
    assert target.read(2) == (NEW * HALF).ljust(BLOCK_SIZE_BYTES, b"\0")


@pytest.mark.parametrize("index", [2, 3, 7])
def test_bytes_that_do_not_fit_are_refused_and_zeros_that_do_not_are_left_out(target, index):
    with pytest.raises(IntegrityError, match=f"block {index} .*beyond the {5 * HALF} bytes"):
        target.write(index, bytes(BLOCK_SIZE_BYTES - 1) + NEW)
    assert target.path.read_bytes() == OLD * 5 * HALF + BEHIND
    target.write(index, bytes(BLOCK_SIZE_BYTES))
    assert target.path.read_bytes().endswith(BEHIND)


@pytest.mark.parametrize(("start", "stop"), [(2, 3), (2, 9), (1, 2), (3, 4)])
def test_zeros_end_where_it_ends(target, start, stop):
    target.zero(start, stop)
    expected = bytearray(OLD * 5 * HALF)
    for at in range(start * BLOCK_SIZE_BYTES, min(stop * BLOCK_SIZE_BYTES, 5 * HALF), HALF):
        expected[at : at + HALF] = bytes(HALF)
    assert target.path.read_bytes() == bytes(expected) + BEHIND
