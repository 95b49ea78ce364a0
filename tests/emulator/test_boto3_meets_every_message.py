"""Each row of the API's message list, as boto3 shows it: what any client made by others gets."""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MISSING = "snap-0123456789abcdef0"
KEY = "arn:aws:kms:eu-central-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_SNAPSHOT = "The snapshot '{}' does not exist."


@pytest.fixture
def server(live):
    """Return an emulator whose clock may run away from the one that boto3 signs by."""
    return live(verify_signatures=False)


@pytest.fixture
def refused(server):
    """Call an operation that must be refused; return status, code, Reason and message."""
    # The service is to judge, not botocore before it.
    unchecked = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    client = server.client("ebs", config=unchecked)

    def call(operation, **fields):
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**fields)
        answer = caught.value.response
        error = answer["Error"]
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        return status, error["Code"], answer.get("Reason"), error["Message"]

    return call


@pytest.fixture
def put(refused, vectors):
    """Put block ``a`` with the given members changed."""
    block = vectors.payload("a")

    def call(snapshot_id, block_index=0, **members):
        fields = {
            "SnapshotId": snapshot_id,
            "BlockIndex": block_index,
            "BlockData": block,
            "DataLength": len(block),
            "Checksum": vectors.b64_sha256(block),
            "ChecksumAlgorithm": "SHA256",
        }
        return refused("put_snapshot_block", **(fields | members))

    return call


def invalid(reason, message):
    return 400, "ValidationException", reason, message


def missing(snapshot_id):
    message = NO_SNAPSHOT.format(snapshot_id)
    return 404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", message


def test_what_a_put_is_refused_for(server, put, vectors):
    pending, block = server.start(), vectors.payload("a")
    wrong = vectors.b64_sha256(b"")
    assert put(pending, 2048) == invalid(
        "INVALID_BLOCK", "Block index 2048 is beyond the volume size extent"
    )
    assert put(pending, DataLength=1) == invalid(
        "INVALID_BLOCK", "Block data length 1 is not valid, expected 524288"
    )
    short = block[:-1]
    assert put(pending, BlockData=short, Checksum=vectors.b64_sha256(short)) == invalid(
        "INVALID_PARAMETER_VALUE", "Failed to read block data"
    )
    assert put(pending, ChecksumAlgorithm="SHA1") == invalid(
        "INVALID_PARAMETER_VALUE",
        "Unsupported Checksum Algorithm 'SHA1', supported algorithms are SHA256",
    )
    assert put(pending, -1) == invalid(
        None,
        "1 validation error detected: Value '-1' at 'blockIndex' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0",
    )
    message = (
        "The value passed in as x-amz-Checksum does not match the computed checksum. "
        f"Computed checksum: {vectors.b64_sha256(block)} expected checksum: {wrong}"
    )
    assert put(pending, Checksum=wrong) == (403, "InvalidSignatureException", None, message)
    assert put("snap-XYZ") == invalid(
        None,
        "1 validation error detected: Value 'snap-XYZ' at 'snapshotId' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: ^snap-[0-9a-f]+$",
    )
    server.seal(pending, {})
    assert put(pending) == invalid("INVALID_SNAPSHOT_ID", "Snapshot is already completed")


@pytest.mark.parametrize("end", ["unknown", "errored", "timed out"])
def test_a_snapshot_that_is_not_there_any_more(refused, put, server, end):
    snapshot_id = MISSING
    if end == "errored":
        snapshot_id = server.start()
        server.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=7)
        server.settle()
    elif end == "timed out":
        snapshot_id = server.start(Timeout=10)
        server.clock.advance(601)
    if end != "unknown":
        assert server.state(snapshot_id)[0] == "error"
    assert put(snapshot_id) == missing(snapshot_id)
    assert refused("list_snapshot_blocks", SnapshotId=snapshot_id) == missing(snapshot_id)
    read = refused("get_snapshot_block", SnapshotId=snapshot_id, BlockIndex=0, BlockToken="AAAA")
    assert read == missing(snapshot_id)


def test_a_pending_snapshot_is_not_there_for_readers(server, refused):
    pending = server.start()
    assert refused("list_snapshot_blocks", SnapshotId=pending) == missing(pending)
    read = refused("get_snapshot_block", SnapshotId=pending, BlockIndex=0, BlockToken="AAAA")
    assert read == missing(pending)


def test_what_a_start_is_refused_for(server, refused):
    pending = server.start()
    complete = server.snapshot({})

    def start(**fields):
        return refused("start_snapshot", VolumeSize=1, **fields)

    assert start(ParentSnapshotId=pending) == invalid(
        "INVALID_SNAPSHOT_ID", f"Source snapshot ({pending}) is not complete."
    )
    assert start(ParentSnapshotId=complete, Encrypted=True) == invalid(
        "INVALID_PARAMETER_VALUE", "ParentSnapshotId and Encrypt cannot be specified together"
    )
    assert start(ParentSnapshotId=complete, KmsKeyArn=KEY) == invalid(
        "INVALID_PARAMETER_VALUE", "ParentSnapshotId and KmsKeyArn cannot be specified together"
    )
    assert start(Encrypted=False, KmsKeyArn=KEY) == invalid(
        "INVALID_PARAMETER_VALUE", "Encrypt cannot be false when KmsKeyArn is specified"
    )


def test_a_token_with_other_parameters_is_a_conflict(server, refused):
    server.start(ClientToken="once", Description="a")
    again = refused("start_snapshot", VolumeSize=1, ClientToken="once", Description="b")
    message = "Current request does not match request stored with this token."
    assert (again[0], again[1], again[3]) == (409, "ConflictException", message)


def test_a_part_of_the_seals_checksum_is_refused(server, refused, vectors):
    pending = server.start()
    triple = {
        "Checksum": vectors.linear({}),
        "ChecksumAlgorithm": "SHA256",
        "ChecksumAggregationMethod": "LINEAR",
    }
    for member, message in (
        ("Checksum", "Snapshot checksum is missing."),
        ("ChecksumAlgorithm", "Checksum algorithm is missing."),
    ):
        part = {name: value for name, value in triple.items() if name != member}
        found = refused("complete_snapshot", SnapshotId=pending, ChangedBlocksCount=0, **part)
        expected = f"Invalid parameter combination. {message}"
        assert found == invalid("INVALID_PARAMETER_VALUE", expected)


def test_bad_tokens_and_page_sizes(server, refused, vectors):
    complete = server.snapshot({0: vectors.payload("a")})
    assert refused("list_snapshot_blocks", SnapshotId=complete, NextToken="AAAB") == invalid(
        "INVALID_PAGE_TOKEN", "The pagination token AAAB is invalid."
    )
    read = refused("get_snapshot_block", SnapshotId=complete, BlockIndex=0, BlockToken="AAAB")
    assert read == invalid("INVALID_BLOCK_TOKEN", "The block token AAAB is invalid.")
    status, code, reason, message = refused(
        "list_snapshot_blocks", SnapshotId=complete, MaxResults=99
    )
    assert (status, code, reason) == (400, "ValidationException", None)
    assert "Value '99' at 'maxResults' failed to satisfy constraint" in message
