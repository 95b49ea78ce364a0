"""Loopback is open to every user of the machine, and to every web page that one of them reads."""

import json

import pytest

from bulkput.emulator.hosts import is_loopback, is_trusted

FAULT = {"kind": "html-503"}
TRUSTED = (
    *("127.0.0.1:80", "127.0.0.1", "[::1]:4711", "localhost:80", "LOCALHOST", "ebs.localhost:1"),
    *("192.0.2.7:80", "[2001:db8::1]"),
)
STRANGE = (
    *("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""),
    *("[::1].evil.example", "[127.0.0.1]evil.example:80"),
)


@pytest.fixture
def server(live):
    return live(faults=True)


def post(server, headers=None, *, signed=None, body=FAULT):
    """Post to the control endpoint with some headers replaced."""
    data = json.dumps(body).encode()
    if signed is None:
        signed = server.signed("POST", "/_emulator/faults", data, unsigned_payload=False)
    return server.send("POST", "/_emulator/faults", {**signed, **(headers or {})}, data)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", ["faults", "stats", "quota"])
def test_the_control_endpoint_answers_nobody_without_the_key(server, method, name):
    answer = server.send(method, f"/_emulator/{name}", {}, b"{}")
    assert (answer.status, answer.code) == (403, "MissingAuthenticationTokenException")
    assert server.emulator.faults.as_list() == []


def test_a_signed_control_request_is_taken(server):
    assert post(server).status == 200
    assert len(server.emulator.faults.as_list()) == 1


def test_a_control_request_is_signed_with_its_body(server):
    signed = server.signed("POST", "/_emulator/faults", b"", unsigned_payload=False)
    assert post(server, signed=signed).code == "InvalidSignatureException"
    unsigned = server.signed("POST", "/_emulator/faults", json.dumps(FAULT).encode())
    assert post(server, signed=unsigned).code == "InvalidSignatureException"
    assert server.emulator.faults.as_list() == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:80"])
def test_a_web_page_controls_nothing(server, origin):
    assert post(server, {"Origin": origin}).status == 403
    assert server.emulator.faults.as_list() == []


@pytest.mark.parametrize("host", STRANGE)
def test_a_name_that_somebodys_dns_leads_here_reaches_nothing(server, vectors, host):
    snapshot_id = server.start()
    for target, data in (("/_emulator/faults", b"{}"), ("/snapshots", b'{"VolumeSize":1}')):
        headers = {"Host": host}
        signed = server.signed("POST", target, data, headers, unsigned_payload=False)
        answer = server.send("POST", target, signed, data)
        assert (answer.status, answer.code) == (403, "AccessDeniedException")
    assert [one.record.snapshot_id for one in server.emulator.store] == [snapshot_id]
    assert server.emulator.faults.as_list() == []


def test_the_hosts_that_are_meant():
    assert [host for host in TRUSTED if not is_trusted(host, "127.0.0.1")] == []
    assert [host for host in STRANGE if is_trusted(host, "127.0.0.1")] == []
    assert is_trusted("Ebs.internal:8443", "ebs.internal")
    assert not is_trusted("other.internal:8443", "ebs.internal")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("ebs.internal", False),
    ],
)
def test_what_is_this_machine_alone(host, expected):
    assert is_loopback(host) is expected


def test_a_server_for_the_network_may_have_any_name_but_not_for_its_control(live):
    server = live(faults=True, host="0.0.0.0")
    headers = {"Host": "ebs.internal"}
    body = b'{"VolumeSize":1}'
    signed = server.signed("POST", "/snapshots", body, headers)
    assert server.send("POST", "/snapshots", signed, body).status == 201
    assert post(server, headers).status == 403
