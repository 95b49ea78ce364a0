"""What captures of the real service show beyond the documentation, of calls that make snapshots."""

import json

import pytest
from botocore.exceptions import ClientError
from support.client_errors import error_of

KEY = "arn:aws:kms:eu-central-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def block(vectors):
    return vectors.payload("a")


def assert_refused(answer, reason, message):
    """Compare a raw answer with a ValidationException."""
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert (answer.json.get("Reason"), answer.json.get("Message", answer.json.get("message"))) == (
        reason,
        message,
    )


def seal(server, snapshot_id, **headers):
    wanted = {name.replace("_", "-"): value for name, value in headers.items()}
    wanted["x-amz-ChangedBlocksCount"] = "0"
    return server.raw("POST", f"/snapshots/completion/{snapshot_id}", b"", wanted)


@pytest.mark.parametrize("index", [2048, 2**31 - 1])
def test_a_get_beyond_the_volume_is_about_its_token(server, block, index):
    snapshot_id = server.snapshot({0: block})
    (item,) = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
    fields = {"SnapshotId": snapshot_id, "BlockIndex": index, "BlockToken": item["BlockToken"]}
    expected = (400, "ValidationException", "INVALID_BLOCK_TOKEN")
    assert error_of(server.ebs.get_snapshot_block, **fields) == expected


@pytest.mark.parametrize("size_bytes", [5, 0, 524_287])
def test_a_short_body_is_unread_even_if_its_length_is_true(server, block, size_bytes):
    answer = server.raw_put(
        server.start(), 0, block[:size_bytes], x_amz_Data_Length=str(size_bytes)
    )
    assert_refused(answer, "INVALID_PARAMETER_VALUE", "Failed to read block data")


def test_what_the_body_is_checked_against_may_be_unsigned(server, block, vectors):
    snapshot_id = server.start()
    target = f"/snapshots/{snapshot_id}/blocks/7"
    headers = {
        **server.signed("PUT", target, block),
        "x-amz-Data-Length": "524288",
        "x-amz-Checksum": vectors.b64_sha256(block),
        "x-amz-Checksum-Algorithm": "SHA256",
    }
    assert "x-amz-checksum" not in headers["Authorization"]
    answer = server.send("PUT", target, headers, block)
    assert (answer.status, answer.headers["x-amz-Checksum"]) == (201, vectors.b64_sha256(block))
    answer = server.send("PUT", target, {**headers, "x-amz-Progress": "1"}, block)
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("name", ["blockToken", "clientToken"])
def test_an_empty_token_is_one_violation(server, block, name):
    if name == "blockToken":
        snapshot_id = server.snapshot({0: block})
        answer = server.raw("GET", f"/snapshots/{snapshot_id}/blocks/0?blockToken=")
    else:
        answer = server.raw("POST", "/snapshots", b'{"VolumeSize":1,"ClientToken":""}')
    assert answer.json["message"].startswith(
        f"1 validation error detected: Value '' at '{name}' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: "
    )


@pytest.mark.parametrize("end", ["count", "checksum", "timed out"])
def test_completing_what_is_in_error_answers_its_state(live, block, vectors, end):
    server = live(verify_signatures=False)
    snapshot_id = server.start(Timeout=10)
    if end == "timed out":
        server.clock.advance(601)
    elif end == "count":
        server.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=7)
    else:
        server.ebs.complete_snapshot(
            SnapshotId=snapshot_id,
            ChangedBlocksCount=0,
            Checksum=vectors.b64_sha256(block),
            ChecksumAlgorithm="SHA256",
            ChecksumAggregationMethod="LINEAR",
        )
    server.settle()
    assert server.state(snapshot_id)[0] == "error"
    answer = server.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=0)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["Status"] == "error"
    with pytest.raises(ClientError, match="does not exist"):
        server.put(snapshot_id, 0, block)


@pytest.mark.parametrize(
    ("headers", "member", "allowed"),
    [
        ({"x_amz_Checksum_Algorithm": "SHA1"}, "checksumAlgorithm", "SHA256"),
        ({"x_amz_Checksum_Aggregation_Method": "TREE"}, "checksumAggregationMethod", "LINEAR"),
    ],
)
def test_another_algorithm_or_method_of_a_seal_is_no_member_of_its_enum(
    server, vectors, headers, member, allowed
):
    triple = {
        "x_amz_Checksum": vectors.linear({}),
        "x_amz_Checksum_Algorithm": "SHA256",
        "x_amz_Checksum_Aggregation_Method": "LINEAR",
    }
    answer = seal(server, server.start(), **(triple | headers))
    (value,) = headers.values()
    assert_refused(
        answer,
        None,
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must satisfy enum value set: [{allowed}]",
    )
    assert "message" in answer.json


def test_a_parent_with_key_and_encrypted_is_refused_for_the_key(server):
    fields = {"ParentSnapshotId": server.snapshot({}), "Encrypted": True, "KmsKeyArn": KEY}
    with pytest.raises(ClientError) as caught:
        server.start(**fields)
    message = "ParentSnapshotId and KmsKeyArn cannot be specified together"
    assert caught.value.response["Error"]["Message"] == message


@pytest.mark.parametrize("fields", [{"Encrypted": True}, {"KmsKeyArn": KEY}, {}])
def test_no_start_has_an_sse_type(server, fields):
    body = json.dumps({"VolumeSize": 1} | fields).encode()
    answer = server.raw("POST", "/snapshots", body)
    assert answer.status == 201
    assert answer.json["SseType"] is None
    assert (answer.json["KmsKeyArn"] is None) == (not fields)


def test_a_denied_start_names_no_snapshot(live):
    server = live(faults=True)
    server.control("POST", "faults", {"kind": "access-denied", "times": 2})
    with pytest.raises(ClientError, match=r"resource: arn:aws:ec2:eu-central-1::snapshot/null "):
        server.start()
    with pytest.raises(ClientError, match=r"::snapshot/snap-0123456789abcdef0 "):
        server.ebs.list_snapshot_blocks(SnapshotId="snap-0123456789abcdef0")
