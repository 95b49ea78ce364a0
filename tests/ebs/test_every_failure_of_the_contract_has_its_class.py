"""Every row of the EBS direct APIs' error tables, walked."""

import pytest

from bulkput.ebs.advice import advice
from bulkput.ebs.classify import TABLE, classify
from bulkput.ebs.error_response import error_of_answer
from bulkput.model.failure import FailureClass as F

PUT, GET, START = "PutSnapshotBlock", "GetSnapshotBlock", "StartSnapshot"
CHECKSUM_TEXT = (
    "The value passed in as x-amz-Checksum does not match the computed checksum. "
    "Computed checksum: AAAA expected checksum: BBBB"
)
SIGNATURE_TEXT = "The request signature we calculated does not match the signature you provided."

ROWS = [
    (500, "InternalServerException", None, "", PUT, F.TRANSIENT),
    (503, "ServiceUnavailable", None, "", PUT, F.TRANSIENT),
    (500, None, None, "", PUT, F.TRANSIENT),
    (501, None, None, "not implemented", "DescribeSnapshots", F.INVALID),
    (505, None, None, "", PUT, F.INVALID),
    (599, "NeverHeardOf", "X", "y", PUT, F.TRANSIENT),
    (502, "ValidationException", "INVALID_BLOCK", "", PUT, F.TRANSIENT),
    (400, "ThrottlingException", None, "Rate exceeded", PUT, F.THROTTLED_ACCOUNT),
    (400, "ThrottlingException", None, "Rate exceeded", START, F.THROTTLED_ACCOUNT),
    (400, "RequestThrottledException", "ACCOUNT_THROTTLED", "", PUT, F.THROTTLED_ACCOUNT),
    (400, "RequestThrottledException", "RESOURCE_LEVEL_THROTTLE", "", PUT, F.THROTTLED_SNAPSHOT),
    (400, "RequestThrottledException", "RESOURCE_LEVEL_THROTTLE", "", GET, F.THROTTLED_SNAPSHOT),
    (
        400,
        "RequestThrottledException",
        "DEPENDENCY_REQUEST_THROTTLED",
        "",
        PUT,
        F.THROTTLED_ACCOUNT,
    ),
    (400, "RequestThrottledException", None, "", PUT, F.THROTTLED_ACCOUNT),
    (
        400,
        "ValidationException",
        "INVALID_PARAMETER_VALUE",
        "Failed to read block data",
        PUT,
        F.STALLED,
    ),
    *(
        (400, "ValidationException", reason, "whatever", PUT, F.INVALID)
        for reason in (
            "INVALID_PAGE_TOKEN",
            "INVALID_BLOCK_TOKEN",
            "INVALID_SNAPSHOT_ID",
            "UNRELATED_SNAPSHOTS",
            "INVALID_BLOCK",
            "INVALID_CONTENT_ENCODING",
            "INVALID_TAG",
            "INVALID_PARAMETER_VALUE",
            "INVALID_VOLUME_SIZE",
            "INVALID_IMAGE_ID",
            "A_REASON_OF_TOMORROW",
            None,
        )
    ),
    (400, "ValidationException", "INVALID_CUSTOMER_KEY", "", START, F.KEY_UNUSABLE),
    (400, "ValidationException", "INVALID_GRANT_TOKEN", "", START, F.KEY_UNUSABLE),
    *(
        (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST", "", operation, F.KEY_UNUSABLE)
        for operation in (START, PUT, GET, "ListSnapshotBlocks", "CompleteSnapshot")
    ),
    (400, "ValidationException", "CONFLICTING_BLOCK_UPDATE", "", PUT, F.UNDOCUMENTED),
    (400, "ValidationException", "WRITE_REQUEST_TIMEOUT", "", PUT, F.UNDOCUMENTED),
    (
        400,
        "ValidationException",
        "INVALID_SNAPSHOT_ID",
        "Source snapshot (snap-1) is not complete.",
        START,
        F.NOT_YET_VISIBLE,
    ),
    (
        400,
        "ValidationException",
        "INVALID_SNAPSHOT_ID",
        "Snapshot is already completed",
        PUT,
        F.INVALID,
    ),
    (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "", PUT, F.NOT_YET_VISIBLE),
    (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "", GET, F.NOT_YET_VISIBLE),
    (404, "ResourceNotFoundException", "GRANT_NOT_FOUND", "", START, F.KEY_UNUSABLE),
    (404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND", "", PUT, F.KEY_UNUSABLE),
    (404, "ResourceNotFoundException", "IMAGE_NOT_FOUND", "", GET, F.GONE),
    (409, "ConflictException", None, "", START, F.CONFLICT),
    (403, "AccessDeniedException", "UNAUTHORIZED_ACCOUNT", "", PUT, F.ACCESS_DENIED),
    (403, "AccessDeniedException", "DEPENDENCY_ACCESS_DENIED", "", PUT, F.KEY_UNUSABLE),
    (403, "AccessDeniedException", None, "", PUT, F.ACCESS_DENIED),
    (403, "InvalidSignatureException", None, CHECKSUM_TEXT, PUT, F.CHECKSUM_MISMATCH),
    (403, "InvalidSignatureException", None, SIGNATURE_TEXT, PUT, F.SIGNATURE),
    (403, "InvalidSignatureException", None, "Signature expired: is now earlier", PUT, F.SIGNATURE),
    (403, "ExpiredTokenException", None, "", PUT, F.SIGNATURE),
    (403, "UnrecognizedClientException", None, "", PUT, F.SIGNATURE),
    (402, "ServiceQuotaExceededException", "DEPENDENCY_SERVICE_QUOTA_EXCEEDED", "", PUT, F.QUOTA),
    (400, "ConcurrentLimitExceededException", None, "", START, F.CONCURRENT_LIMIT),
    # EC2
    (400, "InvalidSnapshot.NotFound", None, "", "DescribeSnapshots", F.GONE),
    (403, "UnauthorizedOperation", None, "", "DescribeSnapshots", F.ACCESS_DENIED),
    (503, "RequestLimitExceeded", None, "", "DescribeSnapshots", F.THROTTLED_ACCOUNT),
    (401, "AuthFailure", None, "", "DescribeSnapshots", F.SIGNATURE),
    (400, "RequestExpired", None, "", "DeleteSnapshot", F.SIGNATURE),
    (500, "InternalError", None, "", "DescribeSnapshots", F.TRANSIENT),
    # What no table knows
    (418, "Teapot", None, "", PUT, F.INVALID),
    (400, None, None, "", PUT, F.INVALID),
    (404, None, None, "<html>", PUT, F.INVALID),
    (403, None, None, "", PUT, F.ACCESS_DENIED),
    (407, None, None, "", PUT, F.PROXY_REFUSED),
    (408, None, None, "", PUT, F.TRANSIENT),
    (429, None, None, "", PUT, F.THROTTLED_ACCOUNT),
    (302, None, None, "", PUT, F.TRANSIENT),
    (None, None, None, None, PUT, F.TRANSIENT),
]


@pytest.mark.parametrize(("status", "code", "reason", "message", "operation", "expected"), ROWS)
def test_a_row_of_the_contract_has_its_class(status, code, reason, message, operation, expected):
    assert classify(status, code, reason, message, operation) is expected


def test_every_row_of_the_table_is_reachable():
    unreachable = [
        row
        for row in TABLE
        if classify(
            400,
            row.code,
            next(iter(row.reasons)) if row.reasons else None,
            row.message_has,
            row.operation,
        )
        is not row.failure
    ]
    assert unreachable == []


def test_a_missing_permission_is_named_with_its_resource():
    sentence = advice(PUT, F.ACCESS_DENIED, region="eu-west-1")
    assert "ebs:PutSnapshotBlock" in sentence
    assert "arn:aws:ec2:eu-west-1::snapshot/*" in sentence
    assert "account field" in sentence
    assert "ec2:CreateTags" in advice(START, F.ACCESS_DENIED, region="eu-west-1", tagged=True)
    described = advice("DescribeSnapshots", F.ACCESS_DENIED, region="eu-west-1")
    assert "ec2:DescribeSnapshots on *" in described


def test_other_partitions_have_their_own_names():
    china = advice(PUT, F.ACCESS_DENIED, region="cn-north-1")
    assert "arn:aws-cn:ec2:cn-north-1::snapshot/*" in china
    key = advice(PUT, F.KEY_UNUSABLE, region="eusc-de-east-1")
    assert "ec2.eusc-de-east-1.amazonaws.eu" in key


def test_a_key_and_a_quota_are_named():
    key = advice(PUT, F.KEY_UNUSABLE, region="eu-west-1")
    assert all(
        action in key
        for action in ("GenerateDataKey", "Decrypt", "ReEncrypt", "CreateGrant", "DescribeKey")
    )
    assert "ec2.eu-west-1.amazonaws.com" in key
    arn = "arn:aws:kms:eu-west-1:111122223333:key/1234"
    assert f"KMS key {arn} must" in advice(PUT, F.KEY_UNUSABLE, region="eu-west-1", kms_key=arn)
    assert "L-AFAE1BE8" in advice(PUT, F.THROTTLED_ACCOUNT)
    assert "L-1774F84A" in advice(PUT, F.THROTTLED_SNAPSHOT)
    assert "L-94D7AB7D" in advice(START, F.CONCURRENT_LIMIT)


@pytest.mark.parametrize("failure", list(F))
@pytest.mark.parametrize("operation", [PUT, GET, START, "DescribeSnapshots", "SomethingNew"])
def test_there_is_advice_for_everything(failure, operation):
    sentence = advice(operation, failure, region="eu-west-1")
    assert sentence
    assert "{" not in sentence
    assert not sentence.endswith(".")


def test_a_json_error_names_its_code_wherever_it_stands():
    for body in (
        b'{"__type":"com.amazon#UnauthorizedOperation","message":"no"}',
        b'{"code":"UnauthorizedOperation","message":"no"}',
        b'{"Error":{"Code":"UnauthorizedOperation","Message":"no"}}',
    ):
        error = read(403, {}, body)
        assert (error.code, error.what, error.failure) == (
            "UnauthorizedOperation",
            "no",
            F.ACCESS_DENIED,
        )


HEADERS = {"x-amzn-RequestId": "req-1", "Date": "Thu, 01 Jan 1970 00:01:40 GMT"}


def read(status, headers, body):
    return error_of_answer(PUT, status, headers, body, region="eu-west-1", snapshot_id="snap-1")


def test_the_services_own_body_and_the_gateways_body_are_both_read():
    kind = {"x-amzn-ErrorType": "ValidationException:http://internal.amazon.com/coral/x/"}
    body = b'{"Message":"Block index 2048 is beyond","Reason":"INVALID_BLOCK"}'
    error = read(400, HEADERS | kind, body)
    assert (error.code, error.reason) == ("ValidationException", "INVALID_BLOCK")
    assert error.what == "Block index 2048 is beyond"
    assert (error.request_id, error.server_unix_s) == ("req-1", 100.0)
    error = read(400, kind, b'{"message":"1 validation error detected"}')
    assert (error.what, error.reason) == ("1 validation error detected", None)


@pytest.mark.parametrize(
    ("status", "body", "what", "failure"),
    [
        (503, b"<html><head><title>503</title></head>Slow\n down</html>", "503 Slow down", "T"),
        (500, b'{"Message":"cut of', '{"Message":"cut of', "T"),
        (500, b"", "an answer without a message", "T"),
        (400, b"[]", "[]", "I"),
        (400, b'{"Message":7,"Reason":null}', '{"Message":7,"Reason":null}', "I"),
        (500, b"\xff\xfe\x00", "\ufffd\ufffd?", "T"),
        (400, b"[" * 60_000, "[", "I"),
    ],
)
def test_a_body_of_any_kind_becomes_a_plain_sentence(status, body, what, failure):
    error = read(status, {}, body)
    assert what in error.what
    assert error.failure is (F.TRANSIENT if failure == "T" else F.INVALID)
    assert len(error.what) < 600
    assert error.what.isprintable()


def test_what_aws_says_of_a_wrong_signature_loses_the_request_it_repeats():
    text = (
        f"{SIGNATURE_TEXT} Consult the service documentation for details.\\n\\n"
        "The Canonical String for this request should have been\\n'PUT\\nx-amz-security-token:"
        "tokencanary'\\n\\nThe String-to-Sign should have been\\n'AWS4'"
    )
    body = f'{{"message":"{text}"}}'.encode()
    error = read(403, {"x-amzn-ErrorType": "InvalidSignatureException"}, body)
    assert error.failure is F.SIGNATURE
    assert "canary" not in str(error)
    assert "Consult" in str(error)


def test_a_date_that_is_none_is_no_time():
    assert read(403, {"Date": "yesterday"}, b"").server_unix_s is None
