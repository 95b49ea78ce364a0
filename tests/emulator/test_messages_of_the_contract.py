"""Each message of the EBS direct API that a client can provoke, word for word."""

import json

import pytest

MISSING = "snap-0123456789abcdef0"


def assert_error(answer, status, code, reason, message):
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["x-amzn-ErrorType"].startswith(f"{code}:http://internal.amazon.com/")
    assert answer.headers["x-amzn-RequestId"]
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Connection"] == "close") == (status == 400)
    expected = {"message": message} if reason is None else {"Message": message, "Reason": reason}
    assert answer.json == expected


def assert_invalid(answer, reason, message):
    assert_error(answer, 400, "ValidationException", reason, message)


def assert_constraint(answer, violation):
    assert_invalid(answer, None, f"1 validation error detected: {violation}")


def assert_missing(answer, snapshot_id):
    message = f"The snapshot '{snapshot_id}' does not exist."
    assert_error(answer, 404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", message)


@pytest.fixture
def block(vectors):
    return vectors.payload("a")


@pytest.fixture
def snapshot_id(server):
    return server.start()


def start(server, **fields):
    return server.raw("POST", "/snapshots", json.dumps({"VolumeSize": 1} | fields).encode())


def complete(server, snapshot_id, **headers):
    wanted = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.raw("POST", f"/snapshots/completion/{snapshot_id}", b"", wanted)


def test_a_wrong_block_checksum_is_a_403_that_names_both(server, vectors, snapshot_id, block):
    wrong = vectors.b64_sha256(b"")
    assert_error(
        server.raw_put(snapshot_id, 0, block, x_amz_Checksum=wrong),
        403,
        "InvalidSignatureException",
        None,
        "The value passed in as x-amz-Checksum does not match the computed checksum. "
        f"Computed checksum: {vectors.b64_sha256(block)} expected checksum: {wrong}",
    )


def test_an_index_beyond_the_volume(server, snapshot_id, block):
    message = "Block index 2048 is beyond the volume size extent"
    assert_invalid(server.raw_put(snapshot_id, 2048, block), "INVALID_BLOCK", message)


def test_a_data_length_other_than_a_block(server, snapshot_id, block):
    message = "Block data length 1 is not valid, expected 524288"
    answer = server.raw_put(snapshot_id, 0, block, x_amz_Data_Length="1")
    assert_invalid(answer, "INVALID_BLOCK", message)


def test_a_body_longer_than_a_block(server, snapshot_id, block):
    message = "Block data length 524289 is not valid, expected 524288"
    assert_invalid(server.raw_put(snapshot_id, 0, block + b"x"), "INVALID_BLOCK", message)


def test_a_short_body_could_not_be_read(server, snapshot_id, block):
    answer = server.raw_put(snapshot_id, 0, block[:-1])
    assert_invalid(answer, "INVALID_PARAMETER_VALUE", "Failed to read block data")


def test_a_body_that_stalls_could_not_be_read(live, block, vectors):
    server = live(body_timeout_s=0.2)
    target = f"/snapshots/{server.start()}/blocks/0"
    headers = {
        "x-amz-Data-Length": "524288",
        "x-amz-Checksum": vectors.b64_sha256(block),
        "x-amz-Checksum-Algorithm": "SHA256",
    }
    with server.connection() as connection:
        connection.putrequest("PUT", target, skip_host=False)
        for name, value in server.signed("PUT", target, b"", headers).items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", "524288")
        connection.endheaders()
        connection.send(block[:1000])
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["Message"]) == (
            400,
            "Failed to read block data",
        )


def test_an_algorithm_other_than_sha256(server, snapshot_id, block):
    message = "Unsupported Checksum Algorithm 'SHA1', supported algorithms are SHA256"
    answer = server.raw_put(snapshot_id, 0, block, x_amz_Checksum_Algorithm="SHA1")
    assert_invalid(answer, "INVALID_PARAMETER_VALUE", message)


def test_a_negative_index_violates_a_constraint(server, snapshot_id, block):
    assert_constraint(
        server.raw_put(snapshot_id, -1, block),
        "Value '-1' at 'blockIndex' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0",
    )


@pytest.mark.parametrize("index", ["x", "1.5", "2147483648"])
def test_an_index_that_is_no_number_cannot_be_read(server, snapshot_id, block, index):
    assert server.raw_put(snapshot_id, index, block).code == "SerializationException"


@pytest.mark.parametrize(
    ("header", "member"),
    [
        ("x_amz_Checksum", "checksum"),
        ("x_amz_Checksum_Algorithm", "checksumAlgorithm"),
        ("x_amz_Data_Length", "dataLength"),
    ],
)
def test_a_put_needs_its_three_headers(server, snapshot_id, block, header, member):
    assert_constraint(
        server.raw_put(snapshot_id, 0, block, **{header: ""}),
        f"Value null at '{member}' failed to satisfy constraint: Member must not be null",
    )


def test_progress_ends_at_100(server, snapshot_id, block):
    assert_constraint(
        server.raw_put(snapshot_id, 0, block, x_amz_Progress="101"),
        "Value '101' at 'progress' failed to satisfy constraint: "
        "Member must have value less than or equal to 100",
    )


def test_several_violations_come_in_one_answer(server, block):
    answer = server.raw_put("nonsense", -1, block)
    assert answer.json["message"].startswith("2 validation errors detected: Value 'nonsense' at ")


def test_a_malformed_snapshot_id_violates_a_constraint(server, block):
    assert_constraint(
        server.raw_put("snap-XYZ", 0, block),
        "Value 'snap-XYZ' at 'snapshotId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^snap-[0-9a-f]+$",
    )


def test_nothing_can_be_put_after_the_seal(server, snapshot_id, block):
    server.seal(snapshot_id, {})
    for _ in range(2):
        answer = server.raw_put(snapshot_id, 0, block)
        assert_invalid(answer, "INVALID_SNAPSHOT_ID", "Snapshot is already completed")
        server.settle()


def test_an_unknown_snapshot_is_a_404_for_every_operation(server, block):
    assert_missing(server.raw_put(MISSING, 0, block), MISSING)
    assert_missing(complete(server, MISSING, x_amz_ChangedBlocksCount="0"), MISSING)
    assert_missing(server.raw("GET", f"/snapshots/{MISSING}/blocks"), MISSING)
    assert_missing(server.raw("GET", f"/snapshots/{MISSING}/blocks/0?blockToken=AAAA"), MISSING)
    target = f"/snapshots/{MISSING}/changedblocks?firstSnapshotId={MISSING}"
    assert_missing(server.raw("GET", target), MISSING)
    assert_missing(start(server, ParentSnapshotId=MISSING), MISSING)


def test_a_pending_snapshot_cannot_be_read(server, snapshot_id, block):
    server.put(snapshot_id, 0, block)
    targets = ("", "/0?blockToken=AAAA")
    for target in targets:
        assert_missing(server.raw("GET", f"/snapshots/{snapshot_id}/blocks{target}"), snapshot_id)
    server.seal(snapshot_id, {0: block})
    for target in targets:
        assert_missing(server.raw("GET", f"/snapshots/{snapshot_id}/blocks{target}"), snapshot_id)


def test_a_pending_parent_is_not_complete(server, snapshot_id):
    message = f"Source snapshot ({snapshot_id}) is not complete."
    answer = start(server, ParentSnapshotId=snapshot_id)
    assert_invalid(answer, "INVALID_SNAPSHOT_ID", message)


def test_a_part_of_the_checksum_triple_is_refused(server, vectors, snapshot_id):
    checksum = vectors.linear({})
    head = "Invalid parameter combination."
    without_checksum = complete(
        server,
        snapshot_id,
        x_amz_ChangedBlocksCount="0",
        x_amz_Checksum_Algorithm="SHA256",
        x_amz_Checksum_Aggregation_Method="LINEAR",
    )
    message = f"{head} Snapshot checksum is missing."
    assert_invalid(without_checksum, "INVALID_PARAMETER_VALUE", message)
    without_algorithm = complete(
        server,
        snapshot_id,
        x_amz_ChangedBlocksCount="0",
        x_amz_Checksum=checksum,
        x_amz_Checksum_Aggregation_Method="LINEAR",
    )
    message = f"{head} Checksum algorithm is missing."
    assert_invalid(without_algorithm, "INVALID_PARAMETER_VALUE", message)
    assert server.state(snapshot_id) == ("pending", None)


def test_the_changed_blocks_count_is_required(server, snapshot_id):
    assert_constraint(
        complete(server, snapshot_id),
        "Value null at 'changedBlocksCount' failed to satisfy constraint: Member must not be null",
    )


def test_bad_tokens_are_named(server, block):
    snapshot_id = server.snapshot({0: block, 1: block})
    answer = server.raw("GET", f"/snapshots/{snapshot_id}/blocks?pageToken=AAAB")
    assert_invalid(answer, "INVALID_PAGE_TOKEN", "The pagination token AAAB is invalid.")
    answer = server.raw("GET", f"/snapshots/{snapshot_id}/blocks/0?blockToken=AAAB")
    assert_invalid(answer, "INVALID_BLOCK_TOKEN", "The block token AAAB is invalid.")


@pytest.mark.parametrize(("number", "bound"), [("99", "100"), ("10001", "10000")])
def test_max_results_has_bounds(server, number, bound):
    snapshot_id = server.snapshot({})
    answer = server.raw("GET", f"/snapshots/{snapshot_id}/blocks?maxResults={number}")
    assert f"Value '{number}' at 'maxResults' failed" in answer.json["message"]
    assert answer.json["message"].endswith(f"or equal to {bound}")


def test_an_unknown_path_is_an_unknown_operation(server):
    assert server.raw("GET", "/volumes").code == "UnknownOperationException"
    assert server.raw("DELETE", f"/snapshots/{MISSING}").status == 404
