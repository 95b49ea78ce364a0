"""A job's round goes on until its images are made, whichever of its parts is the last to end."""

import pytest
from simulation.test_job_histories import IDENTITY, Account

from bulkput.config.job_request import JobRequest
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state.job_record import read_record, record_path
from bulkput.jobs.state.job_round import begin_round, end_run

VOLUMES = [VolumeSettings.model_validate({"source": f"/{name}"}) for name in "ab"]
MADE, FAILED, LEFT, NOT_OURS = "available", "failed", "not-started", ""


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)


def run(account, part, images):
    """Run a part of the job; return the snapshots that it reports, and if the round is over."""
    account.settled.clear()
    chosen = [VOLUMES["ab".index(name)] for name in part]
    left_out = tuple(each for each in VOLUMES if each not in chosen)
    request = JobRequest(IDENTITY, "2026-11-28", left_out)
    begin_round(request, chosen, account.folders, now_unix_s=1.0)
    outcomes = [account.upload(volume, fails=False) for volume in chosen]
    end_run(account.folders.state_dir, IDENTITY, outcomes, now_unix_s=2.0, images=images)
    record = read_record(record_path(account.folders.state_dir, IDENTITY))
    return [each.snapshot_id for each in outcomes], record.delivered


@pytest.mark.parametrize(
    ("parts", "is_over"),
    [
        ([("ab", {})], True),
        ([("ab", {"x": MADE})], True),
        ([("ab", {"x": FAILED})], False),
        ([("a", {"x": LEFT}), ("b", {"x": LEFT})], False),
        ([("a", {"x": LEFT}), ("b", {"x": LEFT}), ("ab", {"x": MADE})], True),
        ([("a", {"x": LEFT}), ("b", {"x": LEFT}), ("", {"x": MADE})], True),  # by publish
        ([("a", {"x": FAILED}), ("b", {"x": NOT_OURS})], False),
        ([("a", {"x": FAILED}), ("b", {"x": NOT_OURS}), ("ab", {"x": MADE})], True),
        ([("a", {"x": MADE}), ("b", {"x": NOT_OURS})], True),
        ([("a", {"x": MADE, "y": LEFT}), ("b", {"x": NOT_OURS, "y": LEFT})], False),
        ([("a", {"x": FAILED}), ("b", {})], True),  # the file has no image any more
    ],
)
def test_it_is_over_when_volumes_and_images_are_made(account, parts, is_over):
    reported = set()
    for part, images in parts:
        ids, ended = run(account, part, images)
        reported |= set(ids)
    assert ended is is_over
    again, _ = run(account, "ab", {"x": MADE})
    assert (set(again) <= reported) is not is_over


def test_a_new_round_forgets_the_images_of_the_last_one(account):
    run(account, "ab", {"x": MADE})
    _, ended = run(account, "a", {"x": LEFT})
    assert not ended
    record = read_record(record_path(account.folders.state_dir, IDENTITY))
    assert record.images == {"x": LEFT}
