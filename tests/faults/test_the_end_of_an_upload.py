"""CompleteSnapshot and what follows it: lost answers, refusals, waits that run out."""

import base64
import hashlib
import json
import os

import pytest
from faults.emulated import COMPLETE, PUT, START, until
from support.whole import BLOCK

BLOCKS = 20


@pytest.mark.long  # such a call has half a minute
@pytest.mark.parametrize("operation", [START, COMPLETE])
def test_an_answer_that_never_comes_is_asked_for_again(server, bulkput, image, check, operation):
    source = image(4)
    server.script("store-then-hang", operation)
    program = bulkput(server, operation_deadline="2min")  # longer than one call's half a minute
    result = program.upload(source)
    assert len(server.snapshots) == 1
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (BLOCKS + 100, "Changed blocks count mismatch for snapshot"),
        (0, "Checksum mismatch for snapshot"),
    ],
)
def test_a_seal_that_the_service_refuses_ends_in_code_7_with_its_words(
    live, bulkput, image, check, index, message
):
    server = live(latency_ms=100)
    source = image(BLOCKS)
    program = bulkput(server, in_flight_max=2)
    strange = os.urandom(BLOCK)
    with program.start("upload", source) as running:
        until(lambda: server.stored >= 6)
        server.client("ebs").put_snapshot_block(
            SnapshotId=server.snapshots[0],
            BlockIndex=index,
            BlockData=strange,
            DataLength=BLOCK,
            Checksum=base64.b64encode(hashlib.sha256(strange).digest()).decode(),
            ChecksumAlgorithm="SHA256",
        )
        out, err = running.communicate(timeout=30)
    assert running.returncode == 7, err
    assert message in err
    assert "Traceback" not in err
    assert json.loads(out)["exit_code"] == 7
    result = program.upload(source)
    assert result["snapshot_id"] != server.snapshots[0], "a snapshot in error is not resumed"
    check(server, result["snapshot_id"], source)


def test_a_snapshot_that_ends_in_error_is_reported_with_its_message(server, bulkput, image, ends):
    server.script("delay-answer", COMPLETE, delay_s=0.5)
    program = bulkput(server)
    with program.start("upload", image(4)) as running:
        until(server.hits)
        own = server.emulator.store.get(server.snapshots[0])
        until(lambda: own.record.settles_unix_s is not None)  # else the seal writes it again
        changed = {"verdict": "Snapshot creation failed: the disk is on fire"}
        own.record = type(own.record)(**(own.record.__dict__ | changed))
        _, err = running.communicate(timeout=20)
    assert running.returncode == 7, err
    assert "the disk is on fire" in err


def test_a_wait_that_runs_out_ends_in_code_5_and_a_rerun_only_waits(
    live, bulkput, image, check, ends
):
    server = live(completion_delay_s=120, verify_signatures=False)
    source = image(BLOCKS)
    program = bulkput(server, completion_deadline="0.5s")
    reported = ends(program.run("upload", source), 5, "snap-", "resume with")
    assert "EC2 still reports pending" in reported
    puts = server.count(PUT)
    seals = server.count(COMPLETE)
    server.clock.ahead_s = 121
    result = program.upload(source)
    assert result["snapshot_id"] == server.snapshots[0]
    assert server.count(PUT) == puts
    assert server.count(COMPLETE) <= seals + 1
    assert result["status"] == "completed"
    check(server, result["snapshot_id"], source)


def test_a_snapshot_deleted_while_it_is_waited_for_ends_in_code_7(live, bulkput, image):
    server = live(completion_delay_s=120)
    with bulkput(server).start("upload", image(3)) as running:
        until(lambda: server.count(COMPLETE))
        server.client("ec2").delete_snapshot(SnapshotId=server.snapshots[0])
        _, err = running.communicate(timeout=20)
    assert running.returncode == 7, err
    assert server.snapshots[0] in err
    assert "Traceback" not in err


def test_a_snapshot_deleted_while_blocks_are_put_ends_in_order(live, bulkput, image, check):
    server = live(latency_ms=60)
    source = image(40)
    program = bulkput(server, in_flight_max=2, operation_deadline="2s")
    with program.start("upload", source) as running:
        until(lambda: server.stored >= 6)
        server.client("ec2").delete_snapshot(SnapshotId=server.snapshots[0])
        _, err = running.communicate(timeout=20)
    assert running.returncode == 7, err
    assert server.snapshots[0] in err
    result = program.upload(source)
    assert result["snapshot_id"] != server.snapshots[0]
    check(server, result["snapshot_id"], source)


def test_a_service_that_is_late_with_everything_is_waited_for(live, bulkput, image, check):
    server = live(start_visible_after_s=1.0, completed_lag_s=1.0, completion_delay_s=0.5)
    source = image(8)
    result = bulkput(server).upload(source, "--verify")
    assert result["verified"] == "full"
    assert server.count(PUT, 404)
    check(server, result["snapshot_id"], source)


def test_a_returned_block_that_is_damaged_is_read_again(server, bulkput, image):
    server.script("corrupt-block", "GetSnapshotBlock", times=2)
    server.script("truncate-answer", "GetSnapshotBlock", times=2)
    server.script("empty-page", "ListSnapshotBlocks")
    server.script("internal-error", "ListSnapshotBlocks")
    assert bulkput(server).upload(image(12), "--verify")["verified"] == "full"
