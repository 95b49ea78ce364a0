"""Every field of every answer that is read, bent: the table of what cannot be true."""

from datetime import UTC, datetime

import pytest

from bulkput.ebs.ebs_answers import (
    block_page,
    changed_block_page,
    sealed_status,
    started_snapshot,
)
from bulkput.ebs.ec2_form import described_snapshot, pending_page
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.errors import AnswerError

ID = "snap-0123456789abcdef0"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIST = {
    "BlockSize": 524288,
    "VolumeSize": 1,
    "Blocks": [{"BlockIndex": index, "BlockToken": "t"} for index in (0, 3, 2047)],
    "ChangedBlocks": [{"BlockIndex": index, "SecondBlockToken": "t"} for index in (0, 3)],
}
START = {"SnapshotId": ID, "VolumeSize": 1, "BlockSize": 524288, "StartTime": NOW}
ITEM = {"SnapshotId": ID, "State": "pending", "VolumeSize": 1, "StartTime": NOW}
ITEM |= {"Tags": [{"Key": "bulkput", "Value": "x"}]}


def blocks(*pairs):
    return {"Blocks": [{"BlockIndex": index, "BlockToken": token} for index, token in pairs]}


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        ({"Blocks": None}, "it has no Blocks"),
        ({"Blocks": {}}, "its Blocks is a dict, expected a list"),
        ({"Blocks": [None]}, "the BlockIndex of a block is None"),
        ({"Blocks": [{}]}, "the BlockIndex of a block is None"),
        (blocks(("0", "t")), "the BlockIndex of a block is '0'"),
        (blocks((True, "t")), "the BlockIndex of a block is True"),
        (blocks((0, "t"), (0, "t")), "block 0 is listed twice"),
        (blocks((1, "t"), (0, "t")), "block 0 comes after block 1, and lists ascend"),
        (blocks((2048, "t")), "block 2048 does not lie in the volume of 1 GiB"),
        (blocks((-1, "t")), "block -1 does not lie"),
        (blocks((0, None)), "block 0 has no token"),
        (blocks((0, "")), "the token of block 0 is ''"),
        (blocks((0, "a\r\nHost: x")), r"the token of block 0 is 'a\\r\\nHost: x'"),
        ({"BlockSize": 512}, "its BlockSize is 512, expected 524288"),
        ({"BlockSize": True}, "its BlockSize is True"),
        ({"VolumeSize": None}, "it has no VolumeSize"),
        ({"VolumeSize": 65537}, "its VolumeSize is 65537, expected 1 to 65536 GiB"),
        ({"NextToken": 7}, "its NextToken is 7, expected a token"),
        ({"NextToken": "\x1b[2J"}, "its NextToken is"),
    ],
)
def test_a_page_of_blocks_that_cannot_be_true_is_refused(bend, words):
    with pytest.raises(AnswerError, match="ListSnapshotBlocks of snap-") as caught:
        block_page(LIST | bend, ID, None)
    assert words.replace("\\\\", "\\") in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.status == 7


def test_a_page_begins_where_it_was_asked_for():
    assert len(block_page(LIST, ID, 0).blocks) == 3
    with pytest.raises(AnswerError, match="block 0 comes after block 2"):
        block_page(LIST, ID, 3)


@pytest.mark.parametrize("tokens", [{}, {"FirstBlockToken": None, "SecondBlockToken": None}])
def test_a_changed_block_is_in_one_of_the_two(tokens):
    with pytest.raises(AnswerError, match="block 5 is in neither snapshot"):
        changed_block_page(LIST | {"ChangedBlocks": [{"BlockIndex": 5, **tokens}]}, ID, None)


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        ({"SnapshotId": "snap-12-34"}, "its SnapshotId is 'snap-12-34'"),
        ({"SnapshotId": 7}, "its SnapshotId is 7"),
        ({"VolumeSize": 2}, "its volume has 2 GiB, and 1 were asked for"),
        ({"ParentSnapshotId": ID}, f"its parent is {ID}, and none was asked for"),
        ({"StartTime": None}, "it has no StartTime"),
        ({"KmsKeyArn": "x" * 3000}, "its KmsKeyArn is"),
        ({"Status": "error"}, "its Status is 'error', expected pending or completed"),
    ],
)
def test_a_start_that_is_not_what_was_asked_for_is_refused(bend, words):
    assert started_snapshot(START, StartRequest(1, "token")).snapshot_id == ID
    with pytest.raises(AnswerError) as caught:
        started_snapshot(START | bend, StartRequest(1, "token"))
    assert words in str(caught.value)


@pytest.mark.parametrize("status", [None, "", "weird", 7, ["pending"], {}])
def test_a_seal_has_one_of_three_states(status):
    with pytest.raises(AnswerError, match="Status"):
        sealed_status({"Status": status}, ID)


@pytest.mark.parametrize(
    "items",
    [
        [ITEM | {"SnapshotId": "snap-0123456789abcdef1"}],
        [ITEM, ITEM],
        [ITEM | {"State": None}],
        [ITEM | {"VolumeSize": 0}],
        [ITEM | {"FullSnapshotSizeInBytes": -1}],
        [{}],
    ],
)
def test_a_description_speaks_of_the_one_snapshot_asked_for(items):
    assert described_snapshot({"Snapshots": [ITEM]}, ID).state == "pending"
    assert described_snapshot({"Snapshots": []}, ID) is None
    with pytest.raises(AnswerError, match="DescribeSnapshots"):
        described_snapshot({"Snapshots": items}, ID)


@pytest.mark.parametrize("bend", [{"Tags": []}, {"State": "completed"}, {"SnapshotId": "x"}])
def test_only_pending_snapshots_with_the_tag_are_found(bend):
    assert len(pending_page({"Snapshots": [ITEM]}, "bulkput").snapshots) == 1
    with pytest.raises(AnswerError):
        pending_page({"Snapshots": [ITEM | bend]}, "bulkput")
