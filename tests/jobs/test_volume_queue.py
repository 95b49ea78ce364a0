"""In which order volumes are started."""

import pytest

from bulkput.config.flags import settings_from_options
from bulkput.jobs.volume_queue import source_size_bytes, start_order


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("file", [0, 1, 2, 3, 4]),
        ("size", [2, 4, 0, 1, 3]),
        ("size-desc", [0, 2, 4, 1, 3]),
    ],
)
def test_volumes_start_in_their_order_those_of_unknown_size_last(order, expected):
    assert start_order(order, [7, None, 5, None, 5]) == expected


def test_the_size_of_a_source_is_that_of_its_file(tmp_path):
    (tmp_path / "disk.img").write_bytes(b"x" * 1234)

    def size(source):
        return source_size_bytes(settings_from_options({"source": source}).volumes[0])

    assert size(tmp_path / "disk.img") == 1234
    assert size(tmp_path / "gone.img") is None
    assert size(tmp_path) is None
    assert size("-") is None
    assert size("s3://bucket/key") is None
