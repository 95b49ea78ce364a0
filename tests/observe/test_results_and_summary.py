"""What stands at the end: the result for scripts, the summary for people."""

import base64
import dataclasses
import json

import pytest

from bulkput.model.outcome import VolumeOutcome
from bulkput.observe.plain import masked, plain
from bulkput.observe.result import (
    as_json,
    error_sentence,
    exit_code,
    failure_object,
    job_object,
    snapshot_ids,
)
from bulkput.observe.summary import summary

ISSUED_KEYS = {
    "snapshot_id",
    "status",
    "volume_size_gib",
    "checksum",
    "elapsed_s",
    "blocks",
    "puts",
}


def test_text_is_the_snapshot_id_alone(done):
    assert snapshot_ids((done,)) == "snap-0123456789abcdef0\n"


def test_a_failed_volume_has_no_line_even_if_it_has_a_snapshot(done, failed):
    left_behind = dataclasses.replace(failed, snapshot_id="snap-0bad")
    assert snapshot_ids((left_behind, done)) == "web-01\tsnap-0123456789abcdef0\n"


def test_a_job_of_one_volume_has_the_volumes_keys_at_the_top_too(done):
    job = job_object((done,), elapsed_s=17.5)
    assert {key: job[key] for key in done.as_dict()} == done.as_dict()
    assert job["volumes"] == [done.as_dict()]
    assert job.keys() >= ISSUED_KEYS


def test_a_job_of_several_reports_the_whole_and_each(done, failed):
    job = job_object((done, failed), elapsed_s=17.5)
    assert job["status"] == "failed"
    assert job["elapsed_s"] == 17.5
    assert job["exit_code"] == 8
    assert job["error"] == "1 of 2 volumes failed: db-02"
    assert [volume["exit_code"] for volume in job["volumes"]] == [0, 4]
    assert "snapshot_id" not in job


def test_a_pending_volume_leaves_the_job_pending(done):
    pending = dataclasses.replace(done, status="pending")
    assert job_object((done, pending), elapsed_s=1.0)["status"] == "pending"
    assert job_object((done, done), elapsed_s=1.0)["status"] == "completed"


def test_exit_codes_of_jobs(done, failed):
    assert exit_code((done,)) == 0
    assert exit_code((failed,)) == 4
    assert exit_code((done, done)) == 0
    assert exit_code((done, failed)) == 8
    assert exit_code((failed, failed)) == 8


def test_the_error_of_one_volume_is_its_own(done, failed):
    assert error_sentence((done,)) is None
    assert error_sentence((failed,)) == failed.error


def test_json_is_one_line_of_ascii_whatever_the_names(done):
    odd = dataclasses.replace(done, source="/disks/\udcff\n\u00fc.img")
    text = as_json(odd.as_dict())
    assert text.isascii()
    assert text.count("\n") == 1
    assert json.loads(text)["source"] == odd.source


def test_a_failure_without_volumes_is_one_object_too():
    assert failure_object("no such file", exit_code=3) == {
        "status": "failed",
        "snapshot_id": None,
        "error": "no such file",
        "exit_code": 3,
    }


def test_the_summary_says_all_that_a_person_wants_to_know(done):
    assert summary((done,)) == (
        "web-01: snap-0123456789abcdef0 completed\n"
        "  source    /disks/web.img\n"
        "  volume    10 GiB\n"
        "  blocks    1,024 put, 7 resumed from an earlier run, 449 skipped as zeros, "
        "19,000 skipped as holes; 20,480 in all (10.0 GiB)\n"
        "  time      18.0s, 16.0s of it uploading: 32.0 MiB/s put on average\n"
        "  puts      1,030 sent, 6 retries, 1 throttle\n"
        "  checksum  Pq34jf4xh07iqiQpo/morRl/xL06mqy1ERimH+Hypi8= (SHA256, LINEAR)\n"
        "  verified  read back, every byte equal to the source\n"
        "  note      The snapshot should stay unencrypted.\n"
    )


def test_a_snapshot_that_was_not_read_back_is_not_called_verified(done):
    assert "  verified  not read back\n" in summary((dataclasses.replace(done, verified=None),))


@pytest.mark.parametrize(("source_format", "decoder"), [("vhd", "QEMU"), ("gzip", "gzip")])
def test_a_proof_by_the_decoder_of_the_upload_says_so(done, source_format, decoder):
    text = summary((dataclasses.replace(done, source_format=source_format),))
    assert f"every byte equal to the source as {decoder} decodes it\n" in text
    text = summary((dataclasses.replace(done, source_format=source_format, verified=None),))
    assert "  verified  not read back\n" in text


def test_a_failed_volume_reports_its_error_among_several_and_once_alone(done, failed):
    assert "AccessDenied" in summary((done, failed))
    assert "AccessDenied" not in summary((failed,))
    assert summary((failed,)).startswith("db-02: failed\n")


def test_a_volume_that_failed_before_it_began_is_two_lines(failed):
    never_sent = dataclasses.replace(failed, blocks={"total": 0, "put": 0}, puts={"attempts": 0})
    assert summary((never_sent,)) == "db-02: failed\n  source    /dev/sdb\n"
    begun = dataclasses.replace(never_sent, snapshot_id="snap-0bad")
    assert "none put" in summary((begun,))


def test_a_volume_of_nothing_but_holes_divides_by_nothing(done):
    empty = dataclasses.replace(done, blocks={"total": 2048, "put": 0}, elapsed_s=0.0)
    assert "none put; 2,048 in all (1.0 GiB)" in summary((empty,))


def test_secrets_of_the_environment_and_signatures_are_masked():
    environment = {
        "AWS_SECRET_ACCESS_KEY": "CANARY-secret/key+1",
        "AWS_SESSION_TOKEN": "CANARY-token==",
        "HOME": "/root",
    }
    text = (
        "CANARY-secret/key+1 x-amz-security-token: CANARYabcdefgh Signature=0123456789abcdef, "
        "'secret_key': 'CANARYabcdefgh' CANARY-token== /root"
    )
    cleaned = masked(text, environment)
    assert "CANARY" not in cleaned
    assert "0123456789abcdef" not in cleaned
    assert cleaned.endswith("/root")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", "https://", ""])
def test_a_proxys_password_is_masked_in_every_form(variable, scheme):
    environment = {variable: f"{scheme}al%2Fice:s3cr%40t-canary@proxy.example:3128"}
    sent = base64.b64encode(b"al/ice:s3cr@t-canary").decode()
    for text in (environment[variable], "al/ice:s3cr@t-canary", f"Basic {sent}", "s3cr%40t-canary"):
        cleaned = masked(f"refused by {text}!", environment)
        assert "canary" not in cleaned
        assert sent not in cleaned
        assert cleaned.endswith("!")


@pytest.mark.parametrize("slashes", ["//", "/"])
@pytest.mark.parametrize("scheme", ["https", "HTTP", "ftp"])
def test_an_address_that_was_taken_for_a_path_is_masked_too(scheme, slashes):
    address = f"{scheme}:{slashes}alice:canary1@host.example:8443/disk.img"
    cleaned = masked(f"{address}?sig=canary2&x=1: there is no ledger here", {})
    shown = f"{scheme}:{slashes}****@host.example:8443/disk.img?****"
    assert cleaned == f"{shown} there is no ledger here"


def test_a_short_or_empty_secret_masks_no_ordinary_word():
    assert masked("a test", {"AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}) == "a test"


def test_plain_keeps_lines_and_writes_controls_out():
    assert plain("two\nlines\t\x00\x1b]0;title\x07") == "two\nlines\\t\\x00\\x1b]0;title\\x07"


def test_of_many_volumes_those_that_went_well_have_a_line_each():
    done = [VolumeOutcome(f"v{n}", "/s", "completed", snapshot_id=f"snap-{n:x}") for n in range(30)]
    bad = VolumeOutcome("bad", "/s", "failed", error="/s: cannot be read", exit_code=6)
    lines = summary([*done, bad]).splitlines()
    assert lines[:2] == ["v0: snap-0 completed", "v1: snap-1 completed"]
    assert len(lines) < 40
    assert "  error     /s: cannot be read" in lines
