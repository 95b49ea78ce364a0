import hashlib

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def contract_blocks(vectors):
    return {
        0: vectors.payload("b"),
        3: vectors.payload("a"),
        7: vectors.zeros,
        2047: vectors.payload("c"),
    }


def test_the_contracts_check_vectors_make_a_snapshot_that_reads_back(
    server, vectors, contract_blocks
):
    assert (
        vectors.b64_sha256(vectors.payload("a")) == "Qib0wLZSCPxxAsnoZ1mqGTwYYUfxBvjcHbuEUOOwNdw="
    )
    assert vectors.linear(contract_blocks) == "Pq34jf4xh07iqiQpo/morRl/xL06mqy1ERimH+Hypi8="
    snapshot_id = server.start(Description="d", Tags=[{"Key": "k", "Value": ""}])
    for index, data in contract_blocks.items():
        answer = server.put(snapshot_id, index, data, Progress=index % 100)
        assert answer["Checksum"] == vectors.b64_sha256(data)
        assert answer["ChecksumAlgorithm"] == "SHA256"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    answer = server.seal(snapshot_id, contract_blocks)
    assert (answer["Status"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("pending", 202)
    assert server.state(snapshot_id) == ("pending", None)
    server.settle()
    assert server.state(snapshot_id) == ("completed", None)
    assert server.blocks(snapshot_id) == contract_blocks
    repeated = server.seal(snapshot_id, contract_blocks)
    assert repeated["Status"] == "completed"


def test_start_answers_every_member_with_nulls_where_there_is_nothing(server):
    answer = server.raw("POST", "/snapshots", b'{"VolumeSize":1}')
    assert answer.status == 201
    fields = answer.json
    assert fields.pop("SnapshotId")[:5] == "snap-"
    assert fields.pop("StartTime") == pytest.approx(server.clock.unix_s(), abs=60)
    assert fields == {
        "BlockSize": 524288,
        "Description": None,
        "KmsKeyArn": None,
        "OwnerId": "000000000000",
        "ParentSnapshotId": None,
        "SseType": None,
        "Status": "pending",
        "Tags": None,
        "VolumeSize": 1,
    }
    for name in ("x-amzn-RequestId", "Content-Length", "Date"):
        assert answer.headers[name]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Connection"] != "close"


def test_an_empty_snapshot_has_the_checksum_of_nothing(server, vectors):
    assert vectors.linear({}) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    snapshot_id = server.snapshot({})
    assert server.state(snapshot_id) == ("completed", None)
    assert server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"] == []


def test_the_last_write_wins_and_an_overwrite_counts_once(server, vectors):
    zeros, first, last = vectors.zeros, vectors.payload("a"), vectors.payload("z")
    snapshot_id = server.start()
    for index, data in ((5, first), (5, last), (5, last), (6, first), (6, zeros), (7, zeros)):
        server.put(snapshot_id, index, data)
    server.put(snapshot_id, 7, first)
    blocks = {5: last, 6: zeros, 7: first}
    server.seal(snapshot_id, blocks)
    server.settle()
    assert server.state(snapshot_id) == ("completed", None)
    assert server.blocks(snapshot_id) == blocks


@pytest.mark.parametrize(
    ("count", "checksum", "message"),
    [
        (3, None, "Changed blocks count mismatch for snapshot"),
        (1, None, "Changed blocks count mismatch for snapshot"),
        (2, "base64-text", "Checksum mismatch for snapshot"),
        (2, "descending", "Checksum mismatch for snapshot"),
    ],
)
def test_a_wrong_seal_is_accepted_and_ends_in_error(server, vectors, count, checksum, message):
    data = [vectors.payload("a"), vectors.payload("b")]
    snapshot_id = server.start()
    for index, block in enumerate(data):
        server.put(snapshot_id, index, block)
    wrong = {
        "base64-text": vectors.b64_sha256("".join(map(vectors.b64_sha256, data)).encode()),
        "descending": vectors.b64_sha256(
            b"".join(hashlib.sha256(block).digest() for block in reversed(data))
        ),
    }.get(checksum)
    triple = (
        {}
        if wrong is None
        else {
            "Checksum": wrong,
            "ChecksumAlgorithm": "SHA256",
            "ChecksumAggregationMethod": "LINEAR",
        }
    )
    answer = server.ebs.complete_snapshot(
        SnapshotId=snapshot_id, ChangedBlocksCount=count, **triple
    )
    assert answer["Status"] == "pending"
    assert server.state(snapshot_id) == ("pending", None)
    server.settle()
    assert server.state(snapshot_id) == ("error", message)
    with pytest.raises(ClientError, match="does not exist"):
        server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    with pytest.raises(ClientError, match="does not exist"):
        server.put(snapshot_id, 0, data[0])


def test_a_client_token_replays_the_start_even_of_a_deleted_snapshot(server):
    def start(volume_size_gib):
        answer = server.ebs.start_snapshot(
            VolumeSize=volume_size_gib, ClientToken="t", Description="one"
        )
        del answer["ResponseMetadata"]
        return answer

    first = start(2)
    assert start(2) == first
    server.ebs.complete_snapshot(SnapshotId=first["SnapshotId"], ChangedBlocksCount=0)
    server.settle()
    assert server.state(first["SnapshotId"])[0] == "completed"
    assert start(2) == first
    server.ec2.delete_snapshot(SnapshotId=first["SnapshotId"])
    assert start(2) == first
    assert first["Status"] == "pending"
    with pytest.raises(ClientError) as caught:
        start(3)
    error = caught.value.response
    assert error["Error"]["Code"] == "ConflictException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
    expected = "Current request does not match request stored with this token."
    assert error["Error"]["Message"] == expected


def test_a_child_shows_its_parents_blocks_even_after_the_parent_is_deleted(server, vectors):
    a, b, c = (vectors.payload(letter) for letter in "abc")
    parent = server.snapshot({0: a, 1: a, 2: b})
    child_blocks = {1: c, 2: vectors.zeros, 2048: b}
    child = server.snapshot(child_blocks, ParentSnapshotId=parent, VolumeSize=2)
    grandchild = server.snapshot({0: c}, ParentSnapshotId=child, VolumeSize=2)
    server.ec2.delete_snapshot(SnapshotId=parent)
    assert server.blocks(child) == {0: a, **child_blocks}
    server.ec2.delete_snapshot(SnapshotId=child)
    assert server.blocks(grandchild) == {**child_blocks, 0: c}
    server.ec2.delete_snapshot(SnapshotId=grandchild)
    assert list((server.options.root / "layers").iterdir()) == []


def test_a_snapshot_of_64_tib_takes_its_last_block(server, vectors):
    last = 134_217_727
    snapshot_id = server.start(VolumeSize=65536)
    server.put(snapshot_id, last, vectors.payload("a"))
    with pytest.raises(ClientError, match="Block index 134217728 is beyond"):
        server.put(snapshot_id, last + 1, vectors.payload("a"))
    server.seal(snapshot_id, {last: vectors.payload("a")})
    server.settle()
    assert server.blocks(snapshot_id) == {last: vectors.payload("a")}


def test_zero_blocks_take_no_room_on_the_disk(server, vectors):
    snapshot_id = server.start()
    for index in range(64):
        server.put(snapshot_id, index, vectors.zeros)
    files = (server.options.root / "layers" / snapshot_id).iterdir()
    assert sum(path.stat().st_blocks * 512 for path in files) < 524288


def test_inactivity_ends_a_snapshot_and_a_put_postpones_it(live, vectors):
    server = live(verify_signatures=False)
    snapshot_id = server.start(Timeout=10)
    server.clock.advance(9 * 60)
    server.put(snapshot_id, 0, vectors.payload("a"))
    server.clock.advance(9 * 60)
    assert server.state(snapshot_id) == ("pending", None)
    server.clock.advance(61)
    assert server.state(snapshot_id) == ("error", "Snapshot timed out")
    with pytest.raises(ClientError, match=f"The snapshot '{snapshot_id}' does not exist"):
        server.put(snapshot_id, 0, vectors.payload("a"))
    assert server.seal(snapshot_id, {})["Status"] == "error"


def test_the_default_timeout_is_an_hour(live):
    server = live(verify_signatures=False)
    snapshot_id = server.start()
    server.clock.advance(3599)
    assert server.state(snapshot_id)[0] == "pending"
    server.clock.advance(2)
    assert server.state(snapshot_id) == ("error", "Snapshot timed out")


def test_a_fresh_snapshot_can_be_unknown_for_a_while(live, vectors):
    server = live(start_visible_after_s=56)
    snapshot_id = server.start()
    with pytest.raises(ClientError) as caught:
        server.put(snapshot_id, 0, vectors.payload("a"))
    assert caught.value.response["Reason"] == "SNAPSHOT_NOT_FOUND"
    assert server.state(snapshot_id) == ("pending", None)
    server.clock.advance(57)
    server.put(snapshot_id, 0, vectors.payload("a"))


def test_ec2_can_be_ahead_of_the_direct_side(live, vectors):
    server = live(completed_lag_s=55)
    snapshot_id = server.start()
    server.seal(snapshot_id, {})
    server.clock.advance(1)
    assert server.state(snapshot_id) == ("completed", None)
    with pytest.raises(ClientError, match="does not exist"):
        server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    with pytest.raises(ClientError, match=rf"Source snapshot \({snapshot_id}\) is not complete"):
        server.start(ParentSnapshotId=snapshot_id)
    server.clock.advance(55)
    assert server.blocks(snapshot_id) == {}
    server.start(ParentSnapshotId=snapshot_id)
