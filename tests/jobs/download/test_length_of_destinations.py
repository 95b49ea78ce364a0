"""How many bytes a destination gets, by what is known of the snapshots and what is there."""

import pytest

from bulkput.jobs.download.length import (
    Present,
    SnapshotSizes,
    length_in_place,
    length_to_give,
    older_content_bytes,
)

VOLUME, SOURCE = 2000, 1500
OLDER_VOLUME, OLDER_SOURCE = 1000, 700
KNOWN = SnapshotSizes(VOLUME, SOURCE)
UNKNOWN = SnapshotSizes(VOLUME, None)
OLDER_KNOWN = SnapshotSizes(OLDER_VOLUME, OLDER_SOURCE)
OLDER_UNKNOWN = SnapshotSizes(OLDER_VOLUME, None)


@pytest.mark.parametrize(
    ("sizes", "present", "expected"),
    [
        (KNOWN, Present(0, is_device=False), (SOURCE, "manifest")),
        (UNKNOWN, Present(0, is_device=False), (VOLUME, "volume")),
        (KNOWN, Present(9000, is_device=False), (SOURCE, "manifest")),
        (KNOWN, Present(VOLUME, is_device=True), (VOLUME, "volume")),
        (KNOWN, Present(VOLUME - 1, is_device=True), (SOURCE, "manifest")),
        (UNKNOWN, Present(VOLUME - 1, is_device=True), (VOLUME, "volume")),
    ],
)
def test_what_is_written_as_a_whole(sizes, present, expected):
    length = length_to_give(sizes, present)
    assert (length.size_bytes, length.known_from) == expected


@pytest.mark.parametrize(
    ("sizes", "older", "has_bytes", "partial_length_bytes", "expected"),
    [
        # It has the older volume's length, or the older source's: it gets the new one's.
        (KNOWN, OLDER_KNOWN, OLDER_VOLUME, None, VOLUME),
        (KNOWN, OLDER_KNOWN, OLDER_SOURCE, None, SOURCE),
        (UNKNOWN, OLDER_KNOWN, OLDER_SOURCE, None, VOLUME),
        (UNKNOWN, OLDER_UNKNOWN, OLDER_VOLUME, None, VOLUME),
        # An earlier run gave it the new length already.
        (KNOWN, OLDER_KNOWN, VOLUME, VOLUME, VOLUME),
        (KNOWN, OLDER_KNOWN, SOURCE, SOURCE, SOURCE),
        # Some other length: it cannot hold the older snapshot.
        (KNOWN, OLDER_KNOWN, VOLUME, None, None),
        (KNOWN, OLDER_KNOWN, OLDER_SOURCE + 1, SOURCE, None),
        (KNOWN, OLDER_UNKNOWN, OLDER_SOURCE, None, None),
        (KNOWN, OLDER_UNKNOWN, 0, None, None),
    ],
)
def test_what_is_changed_in_place(sizes, older, has_bytes, partial_length_bytes, expected):
    present = Present(has_bytes, is_device=False)
    length = length_in_place(sizes, older, present, partial_length_bytes)
    assert (None if length is None else length.size_bytes) == expected


@pytest.mark.parametrize(
    ("older", "has_bytes", "expected"),
    [
        (OLDER_KNOWN, OLDER_VOLUME, OLDER_VOLUME),
        (OLDER_KNOWN, OLDER_VOLUME - 1, OLDER_SOURCE),
        (OLDER_UNKNOWN, OLDER_VOLUME - 1, OLDER_VOLUME),
    ],
)
def test_how_much_of_a_device_the_older_snapshot_describes(older, has_bytes, expected):
    assert older_content_bytes(older, Present(has_bytes, is_device=True)) == expected
