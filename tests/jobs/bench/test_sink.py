"""The sink and its certificate: what whole uploads need of it, and what it counts."""

import asyncio
import http.client
import json
import shutil
import subprocess

import pytest

from bulkput.jobs.bench.certificate import write_key_pair
from bulkput.jobs.bench.processor import (
    memory_bytes_per_s,
    sha256_bytes_per_s,
    zero_scan_bytes_per_s,
)
from bulkput.jobs.bench.sink import PUTS_PATH, SNAPSHOT_ID, serve
from bulkput.jobs.bench.tls import client_context, tls_bytes_per_s
from bulkput.model.block import BLOCK_SIZE_BYTES


@pytest.fixture
def keys(tmp_path):
    return write_key_pair(tmp_path)


def test_the_certificate_is_one_that_openssl_takes(keys):
    assert keys.key.stat().st_mode & 0o777 == 0o600
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    command = [program, "verify", "-x509_strict", "-CAfile", keys.certificate, keys.certificate]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_one_certificate_is_not_the_other(tmp_path):
    first, other = tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        folder.mkdir()
    pairs = [write_key_pair(folder) for folder in (first, other)]
    assert pairs[0].certificate.read_bytes() != pairs[1].certificate.read_bytes()


def test_what_one_processor_does_is_measured_within_its_budget(keys):
    assert tls_bytes_per_s(keys.certificate, keys.key, 0.0) > 0
    for measure in (memory_bytes_per_s, zero_scan_bytes_per_s, sha256_bytes_per_s):
        assert measure(0.0) > 0


async def test_the_calls_of_an_upload(keys):
    server = await serve(*keys)
    port = server.sockets[0].getsockname()[1]

    def talk():
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=client_context(keys.certificate), timeout=10
        )

        def call(method, path, body=None, **headers):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

        status, _, body = call("POST", "/snapshots", json.dumps({"VolumeSize": 7}))
        assert status == 201
        assert json.loads(body) | {"VolumeSize": 7, "SnapshotId": SNAPSHOT_ID} == json.loads(body)
        for index in range(3):
            path = f"/snapshots/{SNAPSHOT_ID}/blocks/{index}"
            status, headers, _ = call(
                "PUT", path, bytes(BLOCK_SIZE_BYTES), **{"x-amz-Checksum": f"sum{index}"}
            )
            assert (status, headers["x-amz-Checksum"]) == (201, f"sum{index}")
        assert call("POST", f"/snapshots/completion/{SNAPSHOT_ID}")[0] == 202
        assert b"<status>pending</status>" in call("POST", "/", b"Action=DescribeSnapshots")[2]
        counted, again = (json.loads(call("GET", PUTS_PATH)[2])["counts"] for _ in range(2))
        assert (sum(counted), again) == (3, [])
        connection.close()

    try:
        await asyncio.to_thread(talk)
    finally:
        server.close()
