import json
from pathlib import Path

import pytest

from bulkput.config.describe import keys
from bulkput.config.expansion import Inputs
from bulkput.config.load import load_settings
from bulkput.config.schema import json_schema

FOLDER = Path(__file__).parents[2] / "configs"
JOBS = sorted(FOLDER.glob("*.yaml"))
MODELINE = "# yaml-language-server: $schema=job.schema.json"


def test_there_are_jobs_to_start_from():
    assert {"quickstart.yaml", "aws.yaml", "migration.yaml", "several-volumes.yaml"} <= {
        job.name for job in JOBS
    }


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_shipped_job_is_right(job):
    assert load_settings(job, environ={}).settings.volumes


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_shipped_job_names_its_schema_to_editors(job):
    assert job.read_text().startswith(f"{MODELINE}\n")


def test_the_shipped_schema_is_the_programs():
    text = (FOLDER / "job.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == json_schema(), "run: python tests/support/manual.py"


def test_the_readme_has_the_manuals_migration():
    root = Path(__file__).parents[2]
    manual = (root / "bulkput" / "manual" / "job-files.md").read_text()
    job = manual.split("## A migration in ten lines")[1].split("```yaml\n")[1].split("```")[0]
    assert f"```yaml\n{job}```" in (root / "README.md").read_text()


def test_a_migration_of_twenty_images_is_ten_lines(tmp_path):
    for number in range(20):
        (tmp_path / f"vm-{number:02}.qcow2").touch()
    manual = Path(__file__).parents[2] / "bulkput" / "manual" / "job-files.md"
    text = manual.read_text().split("## A migration in ten lines")[1]
    job = text.split("```yaml\n")[1].split("```")[0]
    assert len(job.splitlines()) == 10
    (tmp_path / "job.yaml").write_text(job)
    inputs = Inputs({"images": str(tmp_path)})
    volumes = load_settings(tmp_path / "job.yaml", environ={}, inputs=inputs).settings.volumes
    assert [volume.snapshot.tags["Name"] for volume in volumes] == [
        f"vm-{number:02}" for number in range(20)
    ]


def test_the_quickstart_rehearses_and_proves():
    settings = load_settings(FOLDER / "quickstart.yaml", environ={}).settings
    (volume,) = settings.volumes
    assert settings.endpoint == "embedded"
    assert volume.source.sample_bytes
    assert volume.verify == "full"
    assert volume.snapshot.tags["Account"] == "001234567012"
    assert volume.snapshot.tags["Production"] == "no"


def test_the_image_job_goes_on_to_two_regions():
    settings = load_settings(FOLDER / "image.yaml", environ={}).settings
    (image,) = settings.images
    assert settings.endpoint == "embedded"
    assert [each.region for each in image.regions] == ["eu-west-1"]
    assert image.ssm_parameter


def test_the_aws_job_shows_every_key():
    text = (FOLDER / "aws.yaml").read_text()
    names = {
        key.path.rsplit(".", 1)[-1]
        for key in keys()
        if not key.path.startswith(("volumes_from[].block_devices.", "volumes_from[].c"))
    } - {"parallel", "sample", "jsonl", "allow_empty", "block_devices"}
    assert {name for name in names if f"{name}:" not in text} == set()


def test_the_aws_job_shows_the_defaults_of_tuning_that_it_names():
    text = (FOLDER / "aws.yaml").read_text()
    for key in keys():
        if key.path.startswith("tuning.") and key.default != "not given":
            name = key.path.removeprefix("tuning.")
            assert f"\n  {name}: {key.default}" in text
