"""Lists and their tokens, as captures of the real service show them beyond the documentation."""

import base64
import itertools
import re

import pytest
from botocore.exceptions import ClientError
from support.client_errors import error_of


@pytest.fixture
def block(vectors):
    return vectors.payload("a")


@pytest.mark.parametrize("changed", [False, True])
def test_lists_ascend_over_all_pages_and_an_empty_page_leads_on(live, vectors, changed):
    server = live(faults=True)
    parent = server.snapshot({})
    snapshot_id = server.snapshot(
        dict.fromkeys([*range(0, 500, 2), 2047], vectors.zeros), ParentSnapshotId=parent
    )
    operation = "ListChangedBlocks" if changed else "ListSnapshotBlocks"
    server.control("POST", "faults", {"kind": "empty-page", "operation": operation, "nth": 2})
    if changed:
        fields = {"FirstSnapshotId": parent, "SecondSnapshotId": snapshot_id}
        call, name = server.ebs.list_changed_blocks, "ChangedBlocks"
    else:
        fields = {"SnapshotId": snapshot_id}
        call, name = server.ebs.list_snapshot_blocks, "Blocks"
    indexes, sizes, tokens, token = [], [], [], {}
    while True:
        page = call(**fields, MaxResults=100, **token)
        sizes.append(len(page[name]))
        indexes += [item["BlockIndex"] for item in page[name]]
        if page.get("NextToken") is None:
            break
        tokens.append(page["NextToken"])
        token = {"NextToken": tokens[-1]}
    assert sizes == [100, 0, 100, 51]
    assert len(set(tokens)) == len(tokens)
    assert all(one < other for one, other in itertools.pairwise(indexes))
    assert (indexes[0], indexes[-1], len(indexes)) == (0, 2047, 251)


def test_the_direct_side_lists_a_minute_after_ec2_says_completed(live, block):
    server = live(completed_lag_s=58, verify_signatures=False)
    snapshot_id = server.start()
    server.put(snapshot_id, 0, block)
    server.seal(snapshot_id, {0: block})
    server.clock.advance(server.options.completion_delay_s + 0.01)
    assert server.state(snapshot_id)[0] == "completed"
    server.clock.advance(53)
    assert error_of(server.ebs.list_snapshot_blocks, SnapshotId=snapshot_id) == (
        404,
        "ResourceNotFoundException",
        "SNAPSHOT_NOT_FOUND",
    )
    with pytest.raises(ClientError, match="is not complete"):
        server.start(ParentSnapshotId=snapshot_id)
    server.clock.advance(10)
    assert len(server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]) == 1
    assert server.start(ParentSnapshotId=snapshot_id)


def test_block_tokens_are_95_characters_of_base64url(server, vectors):
    count = 400
    first = server.snapshot({})
    snapshot_id = server.snapshot(
        dict.fromkeys(range(count), vectors.zeros), ParentSnapshotId=first
    )
    listed = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
    changes = server.ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=snapshot_id)
    tokens = [item["BlockToken"] for item in listed]
    tokens += [item["SecondBlockToken"] for item in changes["ChangedBlocks"]]
    assert len(set(tokens)) == len(tokens) == 2 * count
    assert {len(token) for token in tokens} == {95}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", token) for token in tokens)
    assert any(re.search(r"[_-]", token) for token in tokens)
    got = server.ebs.get_snapshot_block(
        SnapshotId=snapshot_id, BlockIndex=count - 1, BlockToken=tokens[-1]
    )
    assert got["BlockData"].read() == vectors.zeros


def test_block_tokens_expire_after_160_to_172_hours(server, block):
    snapshot_id = server.snapshot({0: block})
    now_unix_s = server.clock.unix_s()
    lives_h = set()
    for _ in range(20):
        answer = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
        lives_h.add((answer["ExpiryTime"].timestamp() - now_unix_s) / 3600)
    assert min(lives_h) >= 159.99
    assert max(lives_h) <= 172
    assert len(lives_h) > 1


def test_an_empty_list_expires_now(server, block):
    empty, full = server.snapshot({}), server.snapshot({0: block})
    now_unix_s = pytest.approx(server.clock.unix_s(), abs=1)
    answer = server.ebs.list_snapshot_blocks(SnapshotId=empty)
    assert (answer["Blocks"], answer["ExpiryTime"].timestamp()) == ([], now_unix_s)
    answer = server.ebs.list_snapshot_blocks(SnapshotId=full, StartingBlockIndex=1)
    assert (answer["Blocks"], answer["ExpiryTime"].timestamp()) == ([], now_unix_s)
    answer = server.ebs.list_changed_blocks(FirstSnapshotId=full, SecondSnapshotId=full)
    assert (answer["ChangedBlocks"], answer["ExpiryTime"].timestamp()) == ([], now_unix_s)


@pytest.mark.parametrize("query", ["", "?firstSnapshotId=", "?firstSnapshotId=&maxResults=100"])
def test_a_comparison_needs_its_first_snapshot(server, query):
    answer = server.raw("GET", f"/snapshots/{server.snapshot({})}/changedblocks{query}")
    message = "First snapshot should not be empty or null"
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert answer.json == {"Message": message, "Reason": "INVALID_SNAPSHOT_ID"}


def test_a_token_of_one_kind_is_none_of_the_other(server, vectors):
    snapshot_id = server.snapshot(dict.fromkeys(range(101), vectors.zeros))
    page = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=100)
    block_token, page_token = page["Blocks"][0]["BlockToken"], page["NextToken"]
    get = {"SnapshotId": snapshot_id, "BlockIndex": 0}
    altered = base64.urlsafe_b64decode(f"{block_token}=")
    for token in (page_token, base64.urlsafe_b64encode(altered[:-1] + b"\0").decode().rstrip("=")):
        found = error_of(server.ebs.get_snapshot_block, **get, BlockToken=token)
        assert found == (400, "ValidationException", "INVALID_BLOCK_TOKEN")
    listing = {"SnapshotId": snapshot_id, "NextToken": block_token}
    found = error_of(server.ebs.list_snapshot_blocks, **listing)
    assert found == (400, "ValidationException", "INVALID_PAGE_TOKEN")
