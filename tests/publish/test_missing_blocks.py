"""A snapshot has its whole disk or not, by its manifest alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from bulkput.jobs.publish.missing_blocks import has_whole_disk
from bulkput.model.block import BLOCK_SIZE_BYTES


class Manifest:
    def __init__(self, size_bytes, present):
        self.header = SimpleNamespace(source_size_bytes=size_bytes, block_count=2048)
        self._present = present

    def present(self, start, stop):
        return np.array([index in self._present for index in range(start, stop)])


@pytest.mark.parametrize(
    ("blocks", "present", "expected"),
    [
        (3, {0, 1, 2}, True),
        (2.5, {0, 1, 2}, True),
        (3, {0, 2}, False),
        (3, {0, 1}, False),
        (3, {0, 1, 5}, False),
        (None, {0, 1, 2}, False),
        (None, set(range(2048)), True),
    ],
)
def test_every_block_up_to_the_end_of_the_source_counts(blocks, present, expected):
    size_bytes = None if blocks is None else int(blocks * BLOCK_SIZE_BYTES)
    assert has_whole_disk(Manifest(size_bytes, present)) is expected
