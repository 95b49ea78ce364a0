"""A host is lost, and another one with the same command and the same store goes on."""

import json
import random
import signal
import subprocess
from dataclasses import replace

import pytest
from faults.emulated import until
from faults.metadata import Metadata
from support.s3_server import s3_server

BLOCKS = 24
IN_FLIGHT = 4
ANSWERS = (500, 503, 412, "nothing")


@pytest.fixture
def s3():
    with s3_server() as server:
        yield server


@pytest.fixture
def host(bulkput, s3, tmp_path):
    """Return a function that makes the program on a host of its own."""

    def make(server, name, environment=None, **tuning):
        given = {**s3.environment(), **(environment or {})}
        program = bulkput(server, given, in_flight_max=IN_FLIGHT, **tuning)
        return replace(program, state_dir=tmp_path / name)

    return make


def lost_and_followed(seed, server, s3, host, source, check):
    """Kill one host at any moment; the next one makes the snapshot, and repeats little."""
    chance = random.Random(seed)
    one, two = (host(server, f"{name}-{seed}", puts_per_s_snapshot=25) for name in ("one", "two"))
    snapshots_before = len(server.snapshots)
    one.is_imported = chance.random() < 0.8  # a kill may come before the first import
    with one.start("upload", source) as running:
        try:
            out, _ = running.communicate(timeout=chance.uniform(0.1, 1.8))
        except subprocess.TimeoutExpired:
            running.kill()
            out, _ = running.communicate()
    s3.ahead_s += 3600  # the lease runs out
    vouched = vouched_blocks(s3)
    result = two.upload(source)
    check(server, result["snapshot_id"], source)
    # Not what the server stored meanwhile: puts of the killed host may still be on their way there.
    repeated = result["blocks"]["put"]
    if vouched is None:
        assert repeated == BLOCKS, seed
    elif not out:
        assert len(server.snapshots) == snapshots_before + 1, seed
        assert repeated == BLOCKS - vouched, seed
    s3.objects.clear()


def vouched_blocks(s3):
    """Return how many blocks the store vouches for; None if it knows of no upload."""
    cuts = [json.loads(s3.objects[key][0]) for key in s3.keys("state.json")]
    if not cuts or cuts[0]["ledger"] is None:
        return None
    return sum(each[3] for each in cuts[0]["segments"])


def test_hosts_killed_at_random_moments_are_followed(live, host, s3, image, check):
    server = live(latency_ms=20, completion_delay_s=0.1)
    source = image(BLOCKS)
    for seed in range(3):
        lost_and_followed(seed, server, s3, host, source, check)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", range(100, 150, 10))
def test_50_hosts_killed_at_random_moments_are_followed(first, live, host, s3, image, check):
    server = live(latency_ms=20, completion_delay_s=0.1)
    for seed in range(first, first + 10):
        source = image(BLOCKS, name=f"{seed}.img", seed=seed)
        lost_and_followed(seed, server, s3, host, source, check)


@pytest.mark.long
def test_a_host_that_is_taken_back_leaves_all_it_has_done(live, host, s3, image, check):
    """The spot notice: the last cut has every mark, and nobody waits for a lease."""
    server = live(latency_ms=20, completion_delay_s=0.1)
    source = image(BLOCKS)
    with Metadata() as metadata:
        environment = {
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
            "BULKPUT_STORE_INTERVAL": "1h",
        }
        one = host(server, "one", environment, puts_per_s_snapshot=2)
        with one.start("upload", source) as running:
            until(lambda: metadata.polls and server.stored > 5)
            metadata.notice = {"action": "terminate", "time": "2026-11-25T08:22:00Z"}
            _, err = running.communicate(timeout=30)
    assert running.returncode == 5, err
    stored = server.stored
    result = host(server, "two").upload(source)
    check(server, result["snapshot_id"], source)
    assert len(server.snapshots) == 1
    assert server.stored == BLOCKS
    assert result["blocks"]["resumed"] == stored


def test_a_host_that_is_stopped_leaves_all_it_has_done(live, host, s3, image, check):
    server = live(latency_ms=20, completion_delay_s=0.1)
    source = image(BLOCKS)
    one = host(server, "one", {"BULKPUT_STORE_INTERVAL": "1h"}, puts_per_s_snapshot=25)
    with one.start("upload", source) as running:
        until(lambda: server.stored > 5)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGTERM, err
    result = host(server, "two").upload(source)
    check(server, result["snapshot_id"], source)
    assert (len(server.snapshots), server.stored) == (1, BLOCKS)


@pytest.mark.parametrize(
    "answer", [403, *(pytest.param(each, marks=pytest.mark.long) for each in ANSWERS)]
)
def test_a_store_that_fails_stops_no_upload(answer, live, host, s3, image, check):
    server = live(completion_delay_s=0.1)
    source = image(8)
    s3.answer = answer
    program = host(server, "one")
    done = program.run("upload", source)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    check(server, result["snapshot_id"], source)
    assert any("has nothing of this run" in note for note in result["notes"])


def test_a_series_goes_on_from_another_host(live, host, s3, image, check):
    server = live(latency_ms=5, completion_delay_s=0.05)
    source = image(8)
    first = host(server, "one").upload(source, "--series", "nightly")["snapshot_id"]
    with source.open("r+b") as file:
        file.write(b"changed")
    result = host(server, "two").upload(source, "--series", "nightly")
    assert server.count("GetSnapshotBlock") == 0  # the manifest came from the store
    assert (result["parent_snapshot_id"], result["blocks"]["put"]) == (first, 1)
    check(server, result["snapshot_id"], source)
    assert not any("begins with a full snapshot" in note for note in result["notes"])
    # And what was delivered there is not reported here once more.
    third = host(server, "one").upload(source, "--series", "nightly")
    assert third["parent_snapshot_id"] == result["snapshot_id"]
    assert third["blocks"]["put"] == 0
