"""Whatever a request looks like, the emulator answers it and goes on: no 500, and no death."""

import contextlib
import http.client
import socket
import string
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from hypothesis import given
from hypothesis import strategies as st
from support.odd_requests import BLOCK, EXAMPLES, ODD_BODIES, ODD_TEXT, requests

from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.signature import stamp
from tests.emulator.conftest import LiveEmulator


@pytest.fixture(scope="module", params=[False, True], ids=["unsigned", "signed"])
def served(request, tmp_path_factory):
    """Return an emulator with snapshots of every state, and ids and tokens that it knows."""
    options = EmulatorOptions(
        root=tmp_path_factory.mktemp("root"),
        verify_signatures=request.param,
        faults=True,
        body_timeout_s=0.2,
        starts_per_s=None,
        completes_per_s=None,
        lists_per_s=None,
        pending_snapshots_max=10_000,
    )
    server = LiveEmulator(options)
    block = bytes(BLOCK)
    parent = server.snapshot({0: block, 9: block})
    child = server.snapshot({1: block}, ParentSnapshotId=parent)
    pending, gone, errored = server.start(), server.start(), server.start()
    server.ec2.delete_snapshot(SnapshotId=gone)
    server.ebs.complete_snapshot(SnapshotId=errored, ChangedBlocksCount=3)
    server.settle()
    (item, _) = server.ebs.list_snapshot_blocks(SnapshotId=parent)["Blocks"]
    server.known_ids = [parent, child, pending, gone, errored]
    server.known_token = item["BlockToken"]
    yield server
    assert server.start()
    answers = server.emulator.stats.answers
    assert [key for key in answers if key[2] == "InternalServerException"] == []
    server.stop()


def known(server, part):
    return server.known_ids[part] if isinstance(part, int) else part


def quoted(text, safe=""):
    return quote(text, safe, errors="surrogatepass")


def target_of(server, plan):
    parts = [quoted(known(server, part), safe="%") for part in plan["parts"]]
    pairs = [(name, known(server, value)) for name, value in plan["query"].items()]
    query = "&".join(f"{name}={quoted(value)}" for name, value in pairs)
    return plan["shape"].format(*parts) + (f"?{query}" if query else "")


def is_sendable(name, value):
    """Return whether http.client sends such a header."""
    del name
    return value.isascii() and not set(value) & set("\0\r\n") and value.isprintable()


@EXAMPLES
@given(plan=requests())
def test_a_request_of_any_shape_is_answered(served, plan):
    target = target_of(served, plan)
    body = plan["body"] if isinstance(plan["body"], bytes) else ODD_BODIES[plan["body"]]
    if not target.startswith("/"):
        target = f"/{target}"
    headers = {n: v for n, v in plan["headers"].items() if is_sendable(n, v)}
    if plan["is_signed"]:
        headers = served.signed(plan["method"], target, body, headers, unsigned_payload=False)
    served.emulator.faults.clear()
    served.emulator.latency.latency_ms = served.emulator.latency.jitter_ms = 0
    for name in ("PutSnapshotBlock", "GetSnapshotBlock"):
        served.emulator.account.quotas.set_account_rate(name, None)
        served.emulator.account.quotas.set_snapshot_rate(name, None)
    with served.connection(timeout_s=10) as connection:
        connection.request(plan["method"], target, body, headers)
        answer = connection.getresponse()
        answer.read()
    assert 200 <= answer.status < 500, (answer.status, plan)
    if served.emulator.faults.unreached():
        served.emulator.latency.latency_ms = 0
        with contextlib.suppress(ClientError, ConnectionError, HTTPClientError):
            served.ec2.describe_snapshots()
        statuses = {fault.http_status for fault in served.emulator.faults.unreached()}
        assert all(status is None or 400 <= status < 600 for status in statuses)
    served.emulator.faults.clear()
    assert served.ec2.describe_snapshots()["Snapshots"]


AUTHORIZATION = st.builds(
    lambda key, day, region, service, names, signature: (
        f"AWS4-HMAC-SHA256 Credential={key}/{day}/{region}/{service}/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    ),
    st.sampled_from(["AKIAEMULATOREXAMPLE0", "x"]),
    st.text(string.digits, min_size=8, max_size=8),
    st.text(string.printable, max_size=12),
    st.sampled_from(["ebs", "ec2", "s3"]),
    st.sampled_from(["host", "host;x-amz-date", ";", "host;;host", "HOST", "host;no-such"]),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)


@EXAMPLES
@given(
    authorization=AUTHORIZATION,
    date=st.one_of(
        st.sampled_from(["20260230T000000Z", "99999999T999999Z", "00000101T000000Z", "now"]),
        ODD_TEXT,
    ),
    path=st.sampled_from(["/", "/snapshots", "//snapshots//..", "/a/../snapshots?b=%zz&&=&b"]),
)
def test_a_signature_of_any_form_is_answered(served, authorization, date, path):
    date = stamp(served.clock.unix_s()) if date == "now" else date
    wanted = {"Authorization": authorization, "X-Amz-Date": date}
    headers = {n: v for n, v in wanted.items() if is_sendable(n, v)}
    answer = served.send("POST", path, headers, b'{"VolumeSize":1}')
    assert 200 <= answer.status < 500


PIECES = st.sampled_from(
    [
        *(
            b"GET ",
            b"PUT ",
            b"POST ",
            b"/snapshots",
            b"/snapshots/snap-0/blocks/0",
            b" HTTP/1.1\r\n",
        ),
        *(
            b" HTTP/1.0\r\n",
            b"Host: 127.0.0.1\r\n",
            b"Host:\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b"\0",
            b":",
        ),
        *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffffff\r\n"),
        b"Expect: 100-continue\r\n",
        *(b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"a" * 9000, b"\xff\xfe", b" "),
    ]
)


@EXAMPLES
@given(pieces=st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=12))
def test_bytes_of_any_kind_end_in_an_answer_or_a_closed_connection(served, pieces):
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as peer:
        peer.sendall(b"".join(pieces))
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := peer.recv(65_536):
                answer += data
        except ConnectionResetError:
            pass
    assert b"HTTP/1.1 5" not in answer
    assert b"HTTP/1.0 5" not in answer


@pytest.mark.parametrize("size_bytes", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_body_of_any_length_is_answered(served, size_bytes):
    for method, target in (("POST", "/snapshots"), ("POST", "/"), ("POST", "/_emulator/faults")):
        body = b"x" * size_bytes
        headers = served.signed(method, target, body, unsigned_payload=False)
        try:
            status = served.send(method, target, headers, body).status
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            continue  # it was refused before it was all sent
        assert 200 <= status < 500
