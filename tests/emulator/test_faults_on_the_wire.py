import contextlib
import http.client
import threading
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from bulkput.emulator.faults import Fault, FaultKind, FaultScript

PUT = "PutSnapshotBlock"


@pytest.fixture
def faulty(live):
    return live(faults=True)


@pytest.fixture
def block(vectors):
    return vectors.payload("a")


def stored(server, snapshot_id, index=0):
    return server.emulator.store.get(snapshot_id).layers[0].has(index)


def test_a_script_is_a_sequence():
    script = FaultScript()
    script.add(
        Fault(kind=FaultKind.THROTTLE_SNAPSHOT, operation=PUT, times=2),
        Fault(kind=FaultKind.RESET_MID_BODY, operation=PUT),
        Fault(kind=FaultKind.INTERNAL_ERROR, operation=PUT, block_index=7, nth=2),
    )
    taken = [script.take(PUT, "snap-1", index) for index in (0, 7, 1, 7, 2, 7, 7)]
    kinds = [fault and fault.kind for fault in taken]
    throttle = FaultKind.THROTTLE_SNAPSHOT
    reset, error = FaultKind.RESET_MID_BODY, FaultKind.INTERNAL_ERROR
    assert kinds == [throttle, throttle, reset, None, None, error, None]
    assert script.unreached() == []


def test_a_fault_that_was_never_reached_is_reported():
    script = FaultScript()
    never = Fault(kind=FaultKind.HTML_503, operation="GetSnapshotBlock")
    often = Fault(kind=FaultKind.HTML_503, operation=PUT, times=3)
    always = Fault(kind=FaultKind.HTML_503, operation="ListSnapshotBlocks", times=None)
    script.add(never, often, always)
    script.take(PUT, None, None)
    script.take("ListSnapshotBlocks", None, None)
    assert script.unreached() == [never, often]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"operation": "PutBlock"}, "PutBlock is none of"),
        ({"nth": 0}, "count from 1"),
        ({"times": 0}, "count from 1"),
        ({"kind": FaultKind.ERROR}, "'error' needs a code"),
    ],
)
def test_a_fault_that_could_never_be_reached_is_refused(wrong, error):
    with pytest.raises(ValueError, match=error):
        Fault(**({"kind": FaultKind.HTML_503} | wrong))


ERRORS = [
    (FaultKind.THROTTLE_SNAPSHOT, 400, "RequestThrottledException", "RESOURCE_LEVEL_THROTTLE"),
    (FaultKind.THROTTLE_ACCOUNT, 400, "ThrottlingException", None),
    (FaultKind.INTERNAL_ERROR, 500, "InternalServerException", None),
    (FaultKind.BODY_UNREAD, 400, "ValidationException", "INVALID_PARAMETER_VALUE"),
    (FaultKind.ACCESS_DENIED, 403, "AccessDeniedException", None),
    (FaultKind.EXPIRED_TOKEN, 403, "ExpiredTokenException", None),
    (FaultKind.CLOCK_SKEW, 403, "InvalidSignatureException", None),
    (FaultKind.NOT_FOUND, 404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND"),
    (FaultKind.KMS_KEY, 404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND"),
    (FaultKind.KMS_ACCESS, 403, "AccessDeniedException", "DEPENDENCY_ACCESS_DENIED"),
    (FaultKind.KMS_THROTTLE, 400, "RequestThrottledException", "DEPENDENCY_REQUEST_THROTTLED"),
    (FaultKind.EARLY_ERROR, 400, "RequestThrottledException", "RESOURCE_LEVEL_THROTTLE"),
]


@pytest.mark.parametrize(("kind", "status", "code", "reason"), ERRORS)
def test_an_error_fault_answers_once_and_stores_nothing(faulty, block, kind, status, code, reason):
    snapshot_id = faulty.start()
    faulty.emulator.faults.add(Fault(kind=kind, operation=PUT))
    with pytest.raises(ClientError) as caught:
        faulty.put(snapshot_id, 0, block)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["Error"]["Code"] == code
    assert answer.get("Reason") == reason
    assert not stored(faulty, snapshot_id)
    faulty.put(snapshot_id, 0, block)
    assert faulty.emulator.faults.unreached() == []
    assert faulty.emulator.stats.count(PUT, status, code) == 1
    assert faulty.emulator.stats.count(PUT, 201) == 1


def test_iams_refusal_names_the_action(faulty, block):
    faulty.emulator.faults.add(Fault(kind=FaultKind.ACCESS_DENIED))
    with pytest.raises(ClientError, match=r"is not authorized to perform: ebs:StartSnapshot"):
        faulty.start()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.ACCESS_DENIED, 403, "UnauthorizedOperation"),
        (FaultKind.THROTTLE_ACCOUNT, 503, "RequestLimitExceeded"),
        (FaultKind.INTERNAL_ERROR, 500, "InternalError"),
        (FaultKind.EXPIRED_TOKEN, 400, "RequestExpired"),
    ],
)
def test_ec2_has_its_own_names_for_the_same_refusals(faulty, kind, status, code):
    faulty.emulator.faults.add(Fault(kind=kind, operation="DescribeSnapshots"))
    with pytest.raises(ClientError) as caught:
        faulty.ec2.describe_snapshots()
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["Error"]["Code"] == code
    if kind is FaultKind.ACCESS_DENIED:
        assert "perform: ec2:DescribeSnapshots on" in answer["Error"]["Message"]
        assert "arn:aws:ec2:eu-central-1::snapshot/" in answer["Error"]["Message"]


@pytest.mark.parametrize("kind", [FaultKind.EARLY_ERROR, FaultKind.HTML_503, FaultKind.WRONG_ECHO])
def test_a_throttled_call_uses_up_no_fault(live, vectors, kind):
    server = live(faults=True, puts_per_s_snapshot=1.0, burst_s=1.0)
    snapshot_id, block = server.start(), vectors.payload("a")
    server.put(snapshot_id, 0, block)
    server.emulator.faults.add(Fault(kind=kind, operation=PUT))
    assert server.raw_put(snapshot_id, 1, block).code == "RequestThrottledException"
    assert server.emulator.faults.unreached()
    server.clock.advance(2.0)
    answer = server.raw_put(snapshot_id, 1, block)
    assert server.emulator.faults.unreached() == []
    is_sound = answer.headers["x-amz-Checksum"] == vectors.b64_sha256(block)
    assert not (answer.status == 201 and is_sound)


def test_any_error_of_the_contract_can_be_scripted(faulty):
    faulty.emulator.faults.add(
        Fault(
            kind=FaultKind.ERROR,
            operation="StartSnapshot",
            code="ServiceQuotaExceededException",
            reason="DEPENDENCY_SERVICE_QUOTA_EXCEEDED",
            message="No more keys",
        ),
        Fault(kind=FaultKind.ERROR, operation="DescribeSnapshots", code="UnauthorizedOperation"),
    )
    with pytest.raises(ClientError, match="No more keys") as caught:
        faulty.start()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402
    with pytest.raises(ClientError) as caught:
        faulty.ec2.describe_snapshots()
    assert caught.value.response["Error"]["Code"] == "UnauthorizedOperation"


def test_a_load_balancers_page_is_no_json(faulty):
    faulty.emulator.faults.add(Fault(kind=FaultKind.HTML_503))
    answer = faulty.raw("POST", "/snapshots", b'{"VolumeSize":1}')
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html")
    assert answer.headers["x-amzn-RequestId"] is None
    assert answer.body.startswith(b"<html>")


def test_the_clock_answer_carries_the_other_clock(faulty):
    faulty.emulator.faults.add(Fault(kind=FaultKind.CLOCK_SKEW, delay_s=3600))
    answer = faulty.raw("POST", "/snapshots", b'{"VolumeSize":1}')
    assert answer.json["message"].startswith("Signature expired: ")
    text = time.strftime("%a, %d %b %Y %H", time.gmtime(faulty.clock.unix_s() + 3600))
    near = time.strftime("%a, %d %b %Y %H", time.gmtime(faulty.clock.unix_s() + 3590))
    assert answer.headers["Date"].startswith((text, near))


@pytest.mark.parametrize(
    ("kind", "is_stored"),
    [
        (FaultKind.RESET_MID_BODY, False),
        (FaultKind.CLOSE_EARLY, False),
        (FaultKind.STORE_THEN_CLOSE, True),
    ],
)
def test_a_connection_that_breaks_gives_no_answer(faulty, block, kind, is_stored):
    snapshot_id = faulty.start()
    faulty.emulator.faults.add(Fault(kind=kind, operation=PUT))
    with pytest.raises((ConnectionError, http.client.HTTPException)) as caught:
        faulty.raw_put(snapshot_id, 0, block)
    if kind is FaultKind.STORE_THEN_CLOSE:
        assert caught.type is ConnectionResetError, (
            "a reset, where an end of file would be in order"
        )
    assert stored(faulty, snapshot_id) == is_stored
    assert faulty.emulator.faults.unreached() == []
    assert faulty.raw_put(snapshot_id, 0, block).status == 201


@pytest.mark.parametrize(
    ("kind", "is_stored"),
    [
        (FaultKind.NEVER_READ, False),
        (FaultKind.NEVER_ANSWER, False),
        (FaultKind.STORE_THEN_HANG, True),
    ],
)
def test_a_hang_lasts_until_the_client_gives_up(faulty, block, kind, is_stored):
    snapshot_id = faulty.start()
    faulty.emulator.faults.add(Fault(kind=kind, operation=PUT))
    config = Config(read_timeout=0.3, connect_timeout=5, retries={"total_max_attempts": 1})
    faulty.ebs = faulty.client("ebs", config=config)
    with pytest.raises(HTTPClientError, match=r"(?i)timed? ?out"):
        faulty.put(snapshot_id, 0, block)
    assert stored(faulty, snapshot_id) == is_stored


def test_a_hang_does_not_keep_the_server_from_stopping(live, block):
    server = live(faults=True)
    snapshot_id = server.start()
    server.emulator.faults.add(Fault(kind=FaultKind.NEVER_ANSWER, operation=PUT))

    def hang():
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            server.raw_put(snapshot_id, 0, block)

    client = threading.Thread(target=hang)
    client.start()
    while server.emulator.faults.unreached():
        client.join(0.01)
    began_s = time.monotonic()
    live.stop(server)
    client.join(10)
    assert time.monotonic() - began_s < 8


def test_a_wrong_echo_is_wrong_but_the_block_is_right(faulty, vectors, block):
    snapshot_id = faulty.start()
    faulty.emulator.faults.add(Fault(kind=FaultKind.WRONG_ECHO, operation=PUT))
    assert faulty.put(snapshot_id, 0, block)["Checksum"] != vectors.b64_sha256(block)
    assert stored(faulty, snapshot_id)


def test_a_returned_block_can_be_damaged_or_cut_short(faulty, block):
    snapshot_id = faulty.snapshot({0: block})
    (item,) = faulty.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]
    faulty.emulator.faults.add(
        Fault(kind=FaultKind.CORRUPT_BLOCK, operation="GetSnapshotBlock"),
        Fault(kind=FaultKind.TRUNCATE_ANSWER, operation="GetSnapshotBlock", at_bytes=1000),
        Fault(kind=FaultKind.DRIP_ANSWER, operation="GetSnapshotBlock", delay_s=0.1),
        Fault(kind=FaultKind.DELAY_ANSWER, operation="GetSnapshotBlock", delay_s=0.1),
    )

    def get():
        return faulty.ebs.get_snapshot_block(SnapshotId=snapshot_id, **item)["BlockData"].read()

    damaged = get()
    assert sum(one != other for one, other in zip(damaged, block, strict=True)) == 1
    with pytest.raises(Exception, match=r"IncompleteRead\(1000 bytes read"):
        get()
    for _ in range(2):
        began_s = time.monotonic()
        assert get() == block
        assert time.monotonic() - began_s > 0.09
    assert faulty.emulator.faults.unreached() == []


def test_an_empty_page_leads_on(faulty, vectors):
    snapshot_id = faulty.snapshot(dict.fromkeys(range(3), vectors.zeros))
    faulty.emulator.faults.add(Fault(kind=FaultKind.EMPTY_PAGE))
    first = faulty.ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    assert first["Blocks"] == []
    second = faulty.ebs.list_snapshot_blocks(SnapshotId=snapshot_id, NextToken=first["NextToken"])
    assert [item["BlockIndex"] for item in second["Blocks"]] == [0, 1, 2]


def test_an_early_error_reaches_a_client_that_is_still_sending(faulty, block):
    snapshot_id = faulty.start()
    faulty.emulator.faults.add(
        Fault(kind=FaultKind.EARLY_ERROR, code="ThrottlingException", message="Rate exceeded")
    )
    answer = faulty.raw_put(snapshot_id, 0, block)
    assert (answer.status, answer.code) == (400, "ThrottlingException")
    assert answer.headers["Connection"] == "close"
