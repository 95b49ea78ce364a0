"""A disk behind an address through the real program: what arrives, resumes, and stays secret."""

import json
import random

import pytest
from faults.emulated import until
from support.remote import RangeServer

BLOCK = 524_288
BLOCKS = 20


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(random.Random(3).randbytes(BLOCKS * BLOCK))
    return path


@pytest.fixture
def web(source):
    server = RangeServer(source.read_bytes())
    yield server
    server.close()


def test_a_signed_address_is_uploaded_and_reported_nowhere(
    server, bulkput, web, source, check, ends
):
    program = bulkput(server)
    web.script.extend([None, None, ("cut", 1000), 503])
    address = f"{web.url}/disks/disk.img?X-Amz-Signature=topsecret&part=1"
    done = program.run("upload", address, "--verify")
    reported = ends(done, 0)
    result = json.loads(done.stdout)
    assert result["volume"] == "disk.img"
    assert result["source"] == f"{web.url}/disks/disk.img"
    check(server, result["snapshot_id"], source)
    kept = b"".join(path.read_bytes() for path in program.state_dir.rglob("*") if path.is_file())
    assert b"topsecret" not in kept
    assert "topsecret" not in done.stdout + reported


def test_what_the_ledger_vouches_for_is_not_asked_for_again(live, bulkput, web, source, check):
    server = live(latency_ms=40)
    program = bulkput(server, in_flight_max=4, puts_per_s_snapshot=50, window="1MiB")
    address = f"{web.url}/disk.img?signature=topsecret"
    with program.start("upload", address) as running:
        until(lambda: server.stored >= 10)
        running.terminate()
        _, err = running.communicate()
    assert "resume with" in err
    assert "topsecret" not in err
    web.requests.clear()
    result = program.upload(f"{web.url}/disk.img?signature=another")
    assert result["blocks"]["resumed"] >= 10
    asked = [headers["Range"] for _, headers in web.requests]
    looked_at = {"bytes=0-262143", "bytes=0-0"}  # the look at the content, and at the version
    assert {each for each in asked if each.startswith("bytes=0-")} <= looked_at
    check(server, result["snapshot_id"], source)


def test_a_disk_that_is_replaced_while_it_is_read_completes_nothing(live, bulkput, web, ends):
    server = live(latency_ms=40)
    program = bulkput(server, in_flight_max=4, puts_per_s_snapshot=50, window="1MiB")
    with program.start("upload", f"{web.url}/disk.img") as running:
        until(lambda: server.stored >= 4)
        web.etag = '"two"'
        out, err = running.communicate(timeout=60)
    assert running.returncode == 6, err
    assert "replaced by another version" in json.loads(out)["error"]
    assert server.state(server.snapshots[0])[0] == "pending"


def test_wrong_addresses_are_reported_at_once(server, bulkput, ends):
    program = bulkput(server)
    for address, words in (
        ("http://example.org/disk.img", "expected https"),
        ("ftp://example.org/disk.img", "expected a path, s3://bucket/key or https://host/path"),
        ("s3://bucket", "expected s3://bucket/key"),
        ("https://user:topsecret@example.org/x", "without user and password"),
    ):
        assert "topsecret" not in ends(program.run("upload", address), 3, words)
