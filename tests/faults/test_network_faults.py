"""Answers that fail and connections that break, as the service's side scripts them."""

import json

import pytest
from faults.emulated import COMPLETE, DESCRIBE, PUT, START, until

SURVIVED = [
    ("early-error", {"times": 4}),
    ("never-read", {"times": 2}),
    ("reset-mid-body", {"times": 6}),
    ("close-early", {"times": 6}),
    ("throttle-snapshot", {"times": 20}),
    ("throttle-account", {"times": 10}),
    ("internal-error", {"times": 10}),
    ("html-503", {"times": 10}),
    ("body-unread", {"times": 6}),
    ("kms-throttle", {"times": 4}),
    ("never-answer", {"times": 2}),
    ("store-then-hang", {"times": 2}),
    ("store-then-close", {"times": 6}),
    ("wrong-echo", {"times": 2}),
    ("truncate-answer", {"times": 6, "at_bytes": 1}),
    ("drip-answer", {"times": 2, "delay_s": 3}),
    ("delay-answer", {"times": 2, "delay_s": 3}),
    ("not-found", {"times": 6}),
    ("error", {"times": 2, "code": "ValidationException", "reason": "WRITE_REQUEST_TIMEOUT"}),
    ("error", {"times": 2, "code": "ValidationException", "reason": "CONFLICTING_BLOCK_UPDATE"}),
    ("error", {"times": 4, "code": "BandwidthException", "http_status": 509}),
]


@pytest.mark.parametrize("group", [SURVIVED[start::4] for start in range(4)], ids=range(4))
def test_faults_of_every_kind_end_in_the_same_bytes(server, bulkput, image, check, group):
    source = image(40, tail_bytes=77)
    for number, (kind, more) in enumerate(group):
        server.script(kind, nth=3 + number, **more)
    result = bulkput(server).upload(source)
    check(server, result["snapshot_id"], source)
    # A put is acknowledged by the head of its answer: a body that drips costs nothing.
    failed = sum(more["times"] for kind, more in group if kind != "drip-answer")
    assert result["puts"]["retried"] >= failed
    assert result["puts"]["attempts"] - result["puts"]["retried"] == 41


@pytest.mark.parametrize("operation", [START, COMPLETE, DESCRIBE])
def test_calls_beside_the_puts_are_tried_again(server, bulkput, image, check, operation):
    source = image(3)
    for kind in ("internal-error", "html-503", "store-then-close", "truncate-answer"):
        server.script(kind, operation)
    result = bulkput(server).upload(source)
    check(server, result["snapshot_id"], source)
    assert len(server.snapshots) == 1


def test_a_stalled_block_holds_no_other_up(server, bulkput, image, check):
    source = image(40)
    server.script("never-answer", block_index=3)
    program = bulkput(server, no_progress_deadline="4s", attempt_deadline="4s")
    with program.start("upload", source) as running:
        until(lambda: server.count(PUT, 201) == 39)
        assert server.count(PUT, 0) == 0, "the stalled put was given up before the others ended"
        out, _ = running.communicate(timeout=20)
    check(server, json.loads(out)["snapshot_id"], source)


def test_a_brownout_is_outlived(server, bulkput, image, check):
    source = image(12)
    server.script("internal-error", nth=5, times=None)
    with bulkput(server).start("upload", source) as running:
        until(lambda: server.hits() >= 12)
        server.calm()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    check(server, json.loads(out)["snapshot_id"], source)


def test_a_storm_of_throttles_slows_and_does_not_end_the_job(live, bulkput, image, check):
    server = live(puts_per_s_snapshot=40)
    source = image(100)
    result = bulkput(server).upload(source)
    assert result["puts"]["throttled"] > 0
    # 2.5 s at 40 puts/s: who did not slow would have sent 1000 a second.
    assert result["puts"]["attempts"] < 6 * 100
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize("kind", ["internal-error", "never-answer"])
def test_a_time_without_a_put_ends_in_code_5_and_is_resumed(
    server, bulkput, image, check, ends, kind
):
    source = image(12)
    server.script(kind, nth=7, times=None)
    program = bulkput(server, give_up_after="1.5s", shutdown_grace="0.5s")
    reported = ends(program.run("upload", source), 5, "resume with: bulkput upload")
    assert "snap-" in reported
    server.calm()
    acknowledged = server.count(PUT, 201)
    result = program.upload(source)
    assert result["snapshot_id"] == server.snapshots[0]
    assert result["blocks"]["resumed"] == acknowledged == 6
    assert server.stored == 12
    check(server, result["snapshot_id"], source)


def test_a_block_that_never_gets_through_ends_in_code_5(server, bulkput, image, check, ends):
    source = image(12)
    server.script("internal-error", block_index=5, times=None)
    program = bulkput(server, operation_deadline="1.5s", shutdown_grace="0.5s")
    ends(program.run("upload", source), 5, "block 5", "resume with: bulkput upload")
    server.calm()
    result = program.upload(source)
    assert result["blocks"]["resumed"] == 11
    check(server, result["snapshot_id"], source)


@pytest.mark.parametrize("operation", [START, COMPLETE])
def test_a_service_that_never_recovers_ends_in_code_5(server, bulkput, image, ends, operation):
    source = image(3)
    server.script("internal-error", operation, times=None)
    program = bulkput(server, give_up_after="1s", operation_deadline="1s")
    ends(program.run("upload", source), 5, operation, "resume with")


@pytest.mark.parametrize(
    "code", ["ServiceQuotaExceededException", "ConcurrentLimitExceededException"]
)
def test_a_full_quota_is_reported_and_a_later_run_begins(server, bulkput, image, check, ends, code):
    source = image(3)
    server.script("error", START, code=code, message="No more of it")
    program = bulkput(server)
    ends(program.run("upload", source), 9, code, "No more of it")
    check(server, program.upload(source)["snapshot_id"], source)
