import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def server(live):
    """Return an emulator that does not look at signatures, so that time can be moved."""
    return live(verify_signatures=False)


def pages(call, name, **fields):
    token = {}
    while True:
        answer = call(**fields, **token)
        yield answer[name]
        if answer.get("NextToken") is None:
            return
        token = {"NextToken": answer["NextToken"]}


def test_pages_together_give_every_block_once_in_order(server, vectors):
    zeros = vectors.zeros
    parent = server.snapshot(dict.fromkeys(range(0, 300, 2), zeros))
    child = server.snapshot(
        dict.fromkeys([*range(1, 200, 2), 2047], zeros), ParentSnapshotId=parent
    )
    listed = list(
        pages(server.ebs.list_snapshot_blocks, "Blocks", SnapshotId=child, MaxResults=100)
    )
    indexes = [item["BlockIndex"] for page in listed for item in page]
    assert indexes == sorted({*range(0, 300, 2), *range(1, 200, 2), 2047})
    assert [len(page) for page in listed] == [100, 100, 51]


def test_a_list_can_start_in_the_middle_and_a_page_token_outranks_that(server, vectors):
    snapshot_id = server.snapshot(dict.fromkeys(range(250), vectors.zeros))
    fields = {"SnapshotId": snapshot_id, "MaxResults": 100, "StartingBlockIndex": 30}
    first = server.ebs.list_snapshot_blocks(**fields)
    assert [item["BlockIndex"] for item in first["Blocks"]] == list(range(30, 130))
    second = server.ebs.list_snapshot_blocks(**fields, NextToken=first["NextToken"])
    assert second["Blocks"][0]["BlockIndex"] == 130
    beyond = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id, StartingBlockIndex=5000)
    assert (beyond["Blocks"], beyond.get("NextToken")) == ([], None)


def test_changed_blocks_are_those_written_in_between(server, vectors):
    a, b = vectors.payload("a"), vectors.payload("b")
    first = server.snapshot({0: a, 1: a})
    second = server.snapshot({1: b, 2: b}, ParentSnapshotId=first)
    third = server.snapshot({2: a, 2048: a}, ParentSnapshotId=second, VolumeSize=2)

    def changes(one, other):
        answer = server.ebs.list_changed_blocks(FirstSnapshotId=one, SecondSnapshotId=other)
        assert answer.get("NextToken") is None
        assert answer["BlockSize"] == 524288
        return {
            item["BlockIndex"]: ("FirstBlockToken" in item, "SecondBlockToken" in item)
            for item in answer["ChangedBlocks"]
        }

    assert changes(first, second) == {1: (True, True), 2: (False, True)}
    assert changes(first, third) == {1: (True, True), 2: (False, True), 2048: (False, True)}
    assert changes(third, second) == {2: (True, True), 2048: (True, False)}
    assert changes(second, second) == {}


def test_the_tokens_of_changed_blocks_read_each_side(server, vectors):
    a, b = vectors.payload("a"), vectors.payload("b")
    first = server.snapshot({1: a})
    second = server.snapshot({1: b}, ParentSnapshotId=first)
    (item,) = server.ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second)[
        "ChangedBlocks"
    ]
    for snapshot_id, name, expected in (
        (first, "FirstBlockToken", a),
        (second, "SecondBlockToken", b),
    ):
        got = server.ebs.get_snapshot_block(
            SnapshotId=snapshot_id, BlockIndex=1, BlockToken=item[name]
        )
        assert got["BlockData"].read() == expected
        assert got["Checksum"] == vectors.b64_sha256(expected)
        assert (got["DataLength"], got["ChecksumAlgorithm"]) == (524288, "SHA256")


def test_changed_blocks_come_in_pages_too(server, vectors):
    first = server.snapshot({})
    second = server.snapshot(dict.fromkeys(range(150), vectors.zeros), ParentSnapshotId=first)
    fields = {"FirstSnapshotId": first, "SecondSnapshotId": second, "MaxResults": 100}
    listed = list(pages(server.ebs.list_changed_blocks, "ChangedBlocks", **fields))
    assert [item["BlockIndex"] for page in listed for item in page] == list(range(150))
    assert [len(page) for page in listed] == [100, 50]


def test_strangers_are_not_compared(server):
    one, other = server.snapshot({}), server.snapshot({})
    with pytest.raises(ClientError) as caught:
        server.ebs.list_changed_blocks(FirstSnapshotId=one, SecondSnapshotId=other)
    assert caught.value.response["Reason"] == "UNRELATED_SNAPSHOTS"


def test_a_page_token_lives_for_an_hour_and_belongs_to_its_list(server, vectors):
    blocks = dict.fromkeys(range(101), vectors.zeros)
    one, other = server.snapshot(blocks), server.snapshot(blocks)
    listed = server.ebs.list_snapshot_blocks
    token = listed(SnapshotId=one, MaxResults=100)["NextToken"]
    assert len(token) <= 256
    with pytest.raises(ClientError, match=r"The pagination token .* is invalid"):
        listed(SnapshotId=other, NextToken=token)
    server.clock.advance(3590)
    assert len(listed(SnapshotId=one, NextToken=token)["Blocks"]) == 1
    server.clock.advance(20)
    with pytest.raises(ClientError, match=r"The pagination token .* is invalid"):
        listed(SnapshotId=one, NextToken=token)


def test_a_block_token_lives_for_a_week_or_so_and_belongs_to_its_block(server, vectors):
    snapshot_id = server.snapshot({0: vectors.zeros, 1: vectors.zeros})
    answer = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    token = answer["Blocks"][0]["BlockToken"]
    life_s = answer["ExpiryTime"].timestamp() - server.clock.unix_s()
    assert 160 * 3600 - 5 <= life_s <= 172 * 3600

    def get(index):
        fields = {"SnapshotId": snapshot_id, "BlockIndex": index, "BlockToken": token}
        return server.ebs.get_snapshot_block(**fields)["BlockData"].read()

    with pytest.raises(ClientError, match=r"The block token .* is invalid"):
        get(1)
    server.clock.advance(life_s - 60)
    assert get(0) == vectors.zeros
    server.clock.advance(120)
    with pytest.raises(ClientError, match=r"The block token .* is invalid"):
        get(0)


def test_tokens_hold_across_a_restart(live, vectors):
    server = live()
    snapshot_id = server.snapshot({0: vectors.payload("a")})
    (item,) = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
    live.stop(server)
    again = live()
    again.settle()
    got = again.ebs.get_snapshot_block(SnapshotId=snapshot_id, **item)
    assert got["BlockData"].read() == vectors.payload("a")
