import hashlib
from email.utils import parsedate_to_datetime

import pytest
from botocore.exceptions import ClientError

SKEW_S = 330  # half a minute over, which a busy machine may take to sign


def refused(call, *arguments, **fields):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **fields)
    error = caught.value.response
    return (
        error["ResponseMetadata"]["HTTPStatusCode"],
        error["Error"]["Code"],
        error["Error"]["Message"],
    )


def test_another_secret_key_does_not_match(server):
    wrong = {"aws_secret_access_key": "wrong"}
    status, code, message = refused(server.client("ebs", **wrong).start_snapshot, VolumeSize=1)
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match the signature")
    status, code, _ = refused(server.client("ec2", **wrong).describe_snapshots)
    assert (status, code) == (403, "SignatureDoesNotMatch")


def test_an_unknown_access_key_is_refused(server):
    wrong = {"aws_access_key_id": "AKIANOBODY"}
    assert refused(server.client("ebs", **wrong).start_snapshot, VolumeSize=1) == (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
    status, code, _ = refused(server.client("ec2", **wrong).describe_snapshots)
    assert (status, code) == (401, "AuthFailure")


def test_a_session_token_is_wanted_where_one_is_set(live):
    server = live(session_token="session/+=token")
    refused(server.ebs.start_snapshot, VolumeSize=1)
    with_token = server.client("ebs", aws_session_token="session/+=token")
    assert with_token.start_snapshot(VolumeSize=1)["Status"] == "pending"
    other = server.client("ebs", aws_session_token="another")
    assert refused(other.start_snapshot, VolumeSize=1)[1] == "UnrecognizedClientException"


def test_a_late_signature_is_refused_in_the_services_words(server):
    server.clock.advance(SKEW_S)
    status, code, message = refused(server.ebs.start_snapshot, VolumeSize=1)
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("Signature expired: ")
    assert " is now earlier than " in message
    assert message.endswith(" - 5 min.)")
    assert refused(server.ec2.describe_snapshots)[1] == "RequestExpired"


def test_an_early_signature_is_refused_in_the_services_words(server):
    server.clock.advance(-SKEW_S)
    _, code, message = refused(server.ebs.start_snapshot, VolumeSize=1)
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature not yet current: ")


def test_the_date_header_is_the_servers_clock(server):
    server.clock.advance(86_400)
    answer = server.raw("POST", "/snapshots", b'{"VolumeSize":1}')
    expected = server.clock.unix_s()
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == pytest.approx(
        expected, abs=5
    )


def test_only_the_configured_region_is_accepted(live):
    server = live(region="eu-central-1")
    server.start()
    elsewhere = server.client("ebs", region_name="us-east-1")
    _, code, message = refused(elsewhere.start_snapshot, VolumeSize=1)
    assert code == "InvalidSignatureException"
    assert message == "Credential should be scoped to a valid region. "


def test_a_signature_for_another_service_is_refused(server):
    headers = server.signed("POST", "/snapshots", b'{"VolumeSize":1}', service="ec2")
    answer = server.send("POST", "/snapshots", headers, b'{"VolumeSize":1}')
    assert answer.json["message"] == "Credential should be scoped to correct service: 'ebs'. "


def test_a_request_without_a_signature_is_refused(server):
    answer = server.send("POST", "/snapshots", {}, b'{"VolumeSize":1}')
    assert (answer.status, answer.code) == (403, "MissingAuthenticationTokenException")


def test_a_garbled_signature_is_incomplete(server):
    headers = server.signed("POST", "/snapshots", b"{}") | {"Authorization": "AWS4-HMAC-SHA256 x"}
    answer = server.send("POST", "/snapshots", headers, b"{}")
    assert (answer.status, answer.code) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize("change", ["body", "claimed-body", "header", "query", "added-header"])
def test_whatever_was_changed_after_signing_is_noticed(server, vectors, change):
    snapshot_id = server.start()
    target, body = f"/snapshots/{snapshot_id}/blocks/0", vectors.payload("a")
    wanted = {
        "x-amz-Data-Length": "524288",
        "x-amz-Checksum": vectors.b64_sha256(body),
        "x-amz-Checksum-Algorithm": "SHA256",
    }
    unsigned = change not in ("body", "claimed-body")
    if change == "claimed-body":
        wanted["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    headers = server.signed("PUT", target, body, wanted, unsigned_payload=unsigned)
    assert server.send("PUT", target, headers, body).status == 201
    if not unsigned:
        body = vectors.payload("b")
    elif change == "header":
        headers["x-amz-Data-Length"] = "524287"
    elif change == "query":
        target += "?x=y"
    else:
        headers["x-amz-Progress"] = "3"
    answer = server.send("PUT", target, headers, body)
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")
    words = {"added-header": "'x-amz-progress' must be a 'SignedHeader'"}
    calculated = "The request signature we calculated does not match"
    assert answer.json["message"].startswith(words.get(change, calculated))


def test_a_query_is_signed_however_it_is_encoded(server, vectors):
    snapshot_id = server.snapshot({0: vectors.payload("a")})
    listed = server.ebs.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=100)["Blocks"]
    token = listed[0]["BlockToken"].replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    answer = server.raw("GET", f"/snapshots/{snapshot_id}/blocks/0?blockToken={token}")
    assert (answer.status, answer.body) == (200, vectors.payload("a"))


def test_the_options_show_no_secret(live):
    server = live(secret_key="canary-secret", session_token="canary-token")
    assert "canary" not in repr(server.options) + repr(server.emulator._verifier)
