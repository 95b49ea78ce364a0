import os
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks import sources
from benchmarks.clients.arguments import REGION, SNAPSHOT_ID
from benchmarks.clients.commands import environment
from benchmarks.clients.floor import Signer
from benchmarks.measure.process import Child
from benchmarks.servers.authority import Authority, make_authority
from benchmarks.servers.sink import Sink

BLOCK_SIZE_BYTES = 524_288

needs_nginx = pytest.mark.skipif(
    not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")),
    reason="nginx is not installed",
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


def head(index: int) -> bytes:
    return (
        f"PUT /snapshots/{SNAPSHOT_ID}/blocks/{index} HTTP/1.1\r\nHost: sink\r\n"
        f"x-amz-Checksum: sum-{index}\r\nx-amz-Checksum-Algorithm: SHA256\r\n"
        f"Content-Length: {BLOCK_SIZE_BYTES}\r\n\r\n"
    ).encode()


def answer(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"{}"):
        piece = connection.recv(65_536)
        assert piece, f"closed after {received!r}"
        received += piece
    return received


@needs_nginx
def test_the_sink_answers_only_once_it_has_the_whole_body(
    tmp_path: Path, authority: Authority
) -> None:
    body = os.urandom(BLOCK_SIZE_BYTES)
    with Sink(tmp_path / "sink", authority, volume_size_gib=1) as sink:
        parts = urlsplit(sink.url(is_tls=False))
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(head(0) + body[:-1])
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(10)
            connection.sendall(body[-1:])
            assert answer(connection).startswith(b"HTTP/1.1 201")


@needs_nginx
def test_one_connection_carries_many_puts_and_each_gets_its_own_checksum_back(
    tmp_path: Path, authority: Authority
) -> None:
    body = bytes(BLOCK_SIZE_BYTES)
    with Sink(tmp_path / "sink", authority, volume_size_gib=1) as sink:
        before = sink.requests()
        parts = urlsplit(sink.url(is_tls=False))
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            for index in range(200):
                connection.sendall(head(index) + body)
                message = answer(connection)
                assert b"x-amz-Checksum: sum-%d\r\n" % index in message
                assert b"Connection: close" not in message
        assert sink.requests() - before == 201


@needs_nginx
@pytest.mark.parametrize("is_tls", [True, False])
def test_the_floor_puts_every_block(tmp_path: Path, authority: Authority, *, is_tls: bool) -> None:
    source = sources.random_file(tmp_path, 16 * BLOCK_SIZE_BYTES)
    with Sink(tmp_path / "sink", authority, volume_size_gib=1, is_logging=True) as sink:
        before = sink.requests()
        command = [sys.executable, "-m", "benchmarks.clients.floor"]
        with Child(
            [*command, str(source), sink.url(is_tls=is_tls)],
            environment=environment(authority.ca_path),
            folder=tmp_path,
            name="floor",
        ) as child:
            child.wait(60)
        assert sink.requests() - before == 17
        first = sink.first_put_unix_s(child.started_unix_s - 1)
        assert first is not None
        assert first >= child.started_unix_s - 0.1


def test_the_floor_signs_as_botocore_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a/secret+key")
    path = f"/snapshots/{SNAPSHOT_ID}/blocks/7"
    lines = Signer("127.0.0.1:8443").head(path, "abc=").decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    signed = {name: headers[name] for name in headers if name.lower().startswith("x-amz-")}
    request = AWSRequest(method="PUT", url=f"https://127.0.0.1:8443{path}", headers=signed)
    request.context["timestamp"] = headers["X-Amz-Date"]
    peer = SigV4Auth(Credentials("AKIDEXAMPLE", "a/secret+key"), "ebs", REGION)
    text = peer.string_to_sign(request, peer.canonical_request(request))
    assert headers["Authorization"].endswith(f"Signature={peer.signature(text, request)}")
