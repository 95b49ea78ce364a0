"""Keys, snapshots of other accounts, and the form of answers, as captures show them."""

import re

import pytest
from botocore.exceptions import ClientError
from support.client_errors import error_of

ANOTHER_ACCOUNT = "111122223333"
NAMESPACE = "http://internal.amazon.com/coral/"


@pytest.fixture
def block(vectors):
    return vectors.payload("a")


@pytest.mark.parametrize("operation", ["start", "child", "put", "get", "list", "changed"])
def test_a_key_that_cannot_be_used(live, block, operation):
    server = live(faults=True)
    parent = server.snapshot({0: block}, Encrypted=True)
    child = server.snapshot({1: block}, ParentSnapshotId=parent)
    pending = server.start(Encrypted=True)
    (item,) = server.ebs.list_snapshot_blocks(SnapshotId=parent)["Blocks"]
    token = item["BlockToken"]
    server.control("POST", "faults", {"kind": "kms-refused"})
    calls = {
        "start": lambda: server.start(Encrypted=True),
        "child": lambda: server.start(ParentSnapshotId=parent),
        "put": lambda: server.put(pending, 0, block),
        "get": lambda: server.ebs.get_snapshot_block(
            SnapshotId=parent, BlockIndex=0, BlockToken=token
        ),
        "list": lambda: server.ebs.list_snapshot_blocks(SnapshotId=parent),
        "changed": lambda: server.ebs.list_changed_blocks(
            FirstSnapshotId=parent, SecondSnapshotId=child
        ),
    }
    expected = (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST")
    assert error_of(calls[operation]) == expected
    assert server.emulator.faults.unreached() == []


def test_another_accounts_public_snapshot_is_no_snapshot_for_the_direct_api(live, block):
    server = live(faults=True)
    public = server.snapshot({0: block})
    (item,) = server.ebs.list_snapshot_blocks(SnapshotId=public)["Blocks"]
    given = {"snapshot_id": public, "owner_id": ANOTHER_ACCOUNT, "is_public": True}
    assert server.control("POST", "owner", given).status == 200
    expected = (400, "ValidationException", "INVALID_SNAPSHOT_ID")
    ebs = server.ebs
    token = item["BlockToken"]
    assert error_of(ebs.list_snapshot_blocks, SnapshotId=public) == expected
    get = {"SnapshotId": public, "BlockIndex": 0, "BlockToken": token}
    assert error_of(ebs.get_snapshot_block, **get) == expected
    both = {"FirstSnapshotId": public, "SecondSnapshotId": public}
    assert error_of(ebs.list_changed_blocks, **both) == expected
    assert error_of(server.start, ParentSnapshotId=public) == expected


def test_a_shared_snapshot_can_be_read_but_is_nobodys_parent(live, block):
    server = live(faults=True)
    shared = server.snapshot({0: block})
    server.control("POST", "owner", {"snapshot_id": shared, "owner_id": ANOTHER_ACCOUNT})
    assert server.blocks(shared) == {0: block}
    expected = (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
    assert error_of(server.start, ParentSnapshotId=shared) == expected
    owners = [
        {item["SnapshotId"] for item in server.ec2.describe_snapshots(**fields)["Snapshots"]}
        for fields in ({"OwnerIds": ["self"]}, {"OwnerIds": [ANOTHER_ACCOUNT]}, {})
    ]
    assert owners == [set(), {shared}, {shared}]
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        server.ec2.delete_snapshot(SnapshotId=shared)


@pytest.mark.parametrize(
    "given",
    [{"snapshot_id": "snap-0", "owner_id": ANOTHER_ACCOUNT}, {"owner_id": "1"}, [], {"x": 1}],
)
def test_only_a_snapshot_that_is_there_changes_its_owner(live, given):
    assert live(faults=True).control("POST", "owner", given).status == 400


def test_an_error_names_the_part_of_the_service_that_it_is_of(live, block):
    server = live(faults=True)
    snapshot_id = server.start()
    whole = server.raw_put(snapshot_id, 2048, block).headers["x-amzn-ErrorType"]
    assert whole == f"ValidationException:{NAMESPACE}com.amazon.zeppelindataservice/"
    whole = server.raw_put(snapshot_id, -1, block).headers["x-amzn-ErrorType"]
    assert whole == f"ValidationException:{NAMESPACE}com.amazon.coral.validate/"
    whole = server.send("GET", f"/snapshots/{snapshot_id}/blocks", {}).headers["x-amzn-ErrorType"]
    code = "MissingAuthenticationTokenException"
    assert whole == f"{code}:{NAMESPACE}com.amazon.coral.service/"
    server.control("POST", "faults", {"kind": "access-denied"})
    whole = server.raw("GET", f"/snapshots/{snapshot_id}/blocks").headers["x-amzn-ErrorType"]
    assert whole == f"AccessDeniedException:{NAMESPACE}com.amazon.coral.service/"


@pytest.mark.parametrize("kind", [None, "drip-answer", "internal-error", "throttle-account"])
def test_ebs_names_no_server(live, block, kind):
    server = live(faults=True)
    snapshot_id = server.start()
    if kind is not None:
        delay = {"delay_s": 0.016} if kind == "drip-answer" else {}
        server.control("POST", "faults", {"kind": kind, **delay})
    answer = server.raw_put(snapshot_id, 0, block)
    assert "Server" not in answer.headers
    assert answer.headers["Date"]
    assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize("fails", [False, True])
def test_ec2_has_one_request_id_in_header_and_body(server, fails):
    action = "DeleteSnapshot" if fails else "DescribeSnapshots"
    body = f"Action={action}&Version=2016-11-15".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = server.signed("POST", "/", body, headers, service="ec2", unsigned_payload=False)
    answer = server.send("POST", "/", signed, body)
    assert answer.status == (400 if fails else 200)
    (found,) = re.findall(rb"<[rR]equestI[dD]>([0-9a-f-]{36})<", answer.body)
    assert found.decode() == answer.headers["x-amzn-RequestId"]


def test_ec2_knows_how_much_a_completed_snapshot_holds(server, block):
    def shown(snapshot_id):
        (found,) = server.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found.get("FullSnapshotSizeInBytes"), found["TransferType"], found["Progress"]

    parent = server.snapshot({0: block, 5: block})
    child = server.snapshot({5: block, 6: block}, ParentSnapshotId=parent)
    assert shown(parent) == (2 * 524_288, "standard", "100%")
    assert shown(child) == (3 * 524_288, "standard", "100%")
    assert shown(server.snapshot({})) == (0, "standard", "100%")
    assert shown(server.start())[2] == "0%"


def test_a_snapshot_sealed_without_blocks_is_at_99_percent(live, block):
    server = live(completion_delay_s=60)

    def progress(snapshot_id):
        (found,) = server.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found["State"], found["Progress"]

    empty, full = server.start(), server.start()
    server.put(full, 0, block)
    server.seal(empty, {})
    server.seal(full, {0: block})
    assert (progress(empty), progress(full)) == (("pending", "99%"), ("pending", "0%"))
