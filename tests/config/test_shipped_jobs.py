from pathlib import Path

import pytest

from bulkput.config.describe import keys
from bulkput.config.load import load_settings

FOLDER = Path(__file__).parents[2] / "configs"
JOBS = sorted(FOLDER.glob("*.yaml"))


def test_there_are_jobs_to_start_from():
    assert {"quickstart.yaml", "aws.yaml", "several-volumes.yaml"} <= {job.name for job in JOBS}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_shipped_job_is_right(job):
    assert load_settings(job, environ={}).settings.volumes


def test_the_quickstart_rehearses_and_proves():
    settings = load_settings(FOLDER / "quickstart.yaml", environ={}).settings
    (volume,) = settings.volumes
    assert settings.endpoint == "embedded"
    assert volume.source.sample_bytes
    assert volume.verify == "full"
    assert volume.snapshot.tags["Account"] == "001234567012"
    assert volume.snapshot.tags["Production"] == "no"


def test_the_aws_job_shows_every_key():
    text = (FOLDER / "aws.yaml").read_text()
    names = {key.path.rsplit(".", 1)[-1] for key in keys()} - {"parallel", "sample"}
    assert {name for name in names if f"{name}:" not in text} == set()


def test_the_aws_job_shows_the_defaults_of_tuning_that_it_names():
    text = (FOLDER / "aws.yaml").read_text()
    for key in keys():
        if key.path.startswith("tuning.") and key.default != "not given":
            name = key.path.removeprefix("tuning.")
            assert f"\n  {name}: {key.default}" in text
