"""What is odd in a source is a warning of `check`, before anything is sent."""

import random

import pytest
from source.content.test_what_looks_like_a_disk import gpt

from bulkput.api.options import UploadOptions
from bulkput.jobs.check.finding import CheckStatus
from bulkput.jobs.check.sources import look_at_source

NOISE = random.Random(4).randbytes(1 << 20)


@pytest.mark.parametrize(
    ("disk", "verdict", "what"),
    [
        (NOISE, CheckStatus.WARNING, "does not look like a disk"),
        (gpt(NOISE, 4096, entries=((6, 100),)), CheckStatus.WARNING, "for sectors of 4,096 bytes"),
        (gpt(NOISE, other=1 << 30, entries=()), CheckStatus.WARNING, "is it cut short?"),
        (gpt(NOISE, entries=((40, 1 << 30),)), CheckStatus.WARNING, "partition 1 ends at byte"),
        (gpt(NOISE, entries=((40, 50),)), CheckStatus.OK, "both ends read"),
    ],
)
def test_check_warns_of_it(tmp_path, disk, verdict, what):
    (tmp_path / "disk").write_bytes(disk)
    job = UploadOptions(tmp_path / "disk", region="us-east-1").settings
    finding, _ = look_at_source(job, job.volumes[0], tmp_path / "state")
    assert finding.status is verdict
    assert what in finding.what
