"""What the pages of a list are together: ascending, to an end, and as is known from elsewhere."""

import numpy as np
import pytest

from bulkput.model.errors import AnswerError
from bulkput.pipeline.list_check import Expected, ListCheck, ListedBlocks


def listed(*indexes, block_count=2048):
    blocks = ListedBlocks(block_count)
    blocks.add(list(indexes))
    return blocks


def take(pages, expected=None):
    """Give pages of (indexes, next token) to a check of a list of 1 GiB."""
    check = ListCheck("ListSnapshotBlocks", None, expected or Expected())
    for indexes, token in pages:
        check.take(indexes, 1, token)
    return check.block_count


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([([0, 5], "a"), ([5], None)], "block 5 is listed twice"),
        ([([0, 5], "a"), ([3], None)], "block 3 comes after block 5"),
        ([([], "a"), ([], "a")], "leads to a page that was given already"),
        ([([], "a"), ([], "b"), ([], "a")], "leads to a page that was given already"),
        ([([], f"t{each}") for each in range(200)], "of its pages are empty"),
    ],
)
def test_pages_that_cannot_follow_each_other_are_refused(pages, words):
    with pytest.raises(AnswerError, match=words):
        take(pages)


def test_short_and_empty_pages_are_no_fault():
    assert take([([0], "a"), ([], "b"), ([], "c"), ([7], "a"), ([2047], None)]) == 3


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([([0, 5], None)], "it lacks block 9"),
        ([([0], "a"), ([9], None)], "it lacks block 5"),
        ([([0, 4, 5, 9], None)], "it has block 4"),
        ([([0, 5, 9, 2047], None)], "it has block 2047"),
        ([([], None)], "it lacks block 0"),
    ],
)
def test_a_list_that_is_not_as_known_is_refused(pages, words):
    expected = Expected(presences=(("the manifest", listed(0, 5, 9)),))
    assert take([([0, 5], "a"), ([9], None)], expected) == 3
    with pytest.raises(AnswerError, match=f"{words}, other than the manifest"):
        take(pages, expected)


def test_the_volume_has_one_size():
    with pytest.raises(AnswerError, match="its VolumeSize is 1 GiB, and the volume has 2"):
        take([([], None)], Expected(volume_size_gib=2))


def test_the_count_is_checked_at_the_end_alone():
    counts = []
    take([([0, 5], "a"), ([9], None)], Expected(check_count=counts.append))
    assert counts == [3]


def test_what_is_listed_is_known_beyond_the_volume_too():
    assert np.flatnonzero(listed(1, 9, block_count=4).present(0, 12)).tolist() == [1, 9]
