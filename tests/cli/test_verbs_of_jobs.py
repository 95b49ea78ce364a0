"""``run`` and ``upload``: from flags to settings, from outcomes to stdout, stderr and exit code."""

import dataclasses
import json
from pathlib import Path

import pytest

from bulkput.model.errors import CredentialsError, SnapshotError
from bulkput.observe.verbosity import Verbosity


def test_text_is_the_id_alone_and_people_read_stderr(bulkput, job_that, job_file, done):
    job_that((done,))
    for ended in (bulkput("run", job_file), bulkput("upload", "/disks/web.img")):
        assert ended.status == 0
        assert ended.out == "snap-0123456789abcdef0\n"
        assert "web-01: snap-0123456789abcdef0 completed" in ended.err


def test_json_of_upload_is_the_volumes_object(bulkput, job_that, done):
    job_that((done,))
    ended = bulkput("upload", "/disks/web.img", "--output", "json")
    assert ended.object == done.as_dict()


def test_json_of_run_holds_all_volumes_and_the_only_one_at_the_top(
    bulkput, job_that, job_file, done
):
    job_that((done,))
    alone = bulkput("run", job_file, "--output=json").object
    assert alone == {**alone, **done.as_dict()}
    assert alone["volumes"] == [done.as_dict()]
    job_that((done, done))
    assert "snapshot_id" not in bulkput("run", job_file, "--output=json").object


def test_a_failed_volume_alone_gives_its_own_code_and_sentence(bulkput, job_that, job_file, failed):
    job_that((failed,))
    ended = bulkput("run", job_file)
    assert (ended.status, ended.out) == (6, "")
    assert ended.err.count("/dev/sdb block 7: cannot be read") == 1
    assert ended.err.endswith("bulkput: error: /dev/sdb block 7: cannot be read\n")


def test_some_failed_volumes_give_8_and_are_named(bulkput, job_that, job_file, done, failed):
    job_that((failed, done))
    ended = bulkput("run", job_file)
    assert (ended.status, ended.out) == (8, "web-01\tsnap-0123456789abcdef0\n")
    assert ended.err.endswith("bulkput: error: 1 of 2 volumes failed: db-02\n")


def test_quiet_reports_nothing_when_all_is_well(bulkput, job_that, job_file, done):
    seen = job_that((done,))
    ended = bulkput("run", job_file, "--quiet")
    assert (ended.status, ended.err) == (0, "")
    assert seen[0][1].verbosity is Verbosity.QUIET


def test_quiet_still_reports_what_failed(bulkput, job_that, job_file, failed):
    job_that((failed,))
    assert bulkput("run", job_file, "--quiet").err == (
        "bulkput: error: /dev/sdb block 7: cannot be read\n"
    )


def test_an_error_of_the_whole_job_is_an_object_in_json(bulkput, job_that, job_file):
    job_that(SnapshotError("snap-0bad", "ended in error: Checksum mismatch for snapshot"))
    ended = bulkput("run", job_file, "--output", "json")
    assert ended.status == 7
    assert ended.object == {
        "status": "failed",
        "snapshot_id": "snap-0bad",
        "error": "snap-0bad: ended in error: Checksum mismatch for snapshot",
        "exit_code": 7,
    }


def test_a_configuration_error_is_an_object_in_json_too(bulkput, tmp_path):
    ended = bulkput("run", tmp_path / "missing.yaml", "--output", "json")
    assert ended.status == 3
    assert ended.object["exit_code"] == 3
    assert "missing.yaml" in ended.object["error"]


def test_errors_in_a_group_of_tasks_are_reported_as_one(bulkput, job_that, job_file):
    job_that(ExceptionGroup("tasks", [CredentialsError("no credentials found")]))
    ended = bulkput("run", job_file)
    assert (ended.status, ended.err) == (4, "bulkput: error: no credentials found\n")


@pytest.mark.parametrize("verbose", [False, True])
def test_a_defect_shows_its_traceback_only_when_asked(bulkput, job_that, job_file, verbose):
    job_that(KeyError("surprise"))
    ended = bulkput("run", job_file, *(["--verbose"] if verbose else []))
    assert ended.status == 1
    assert ("Traceback" in ended.err) is verbose
    assert ended.err.splitlines()[-1].startswith("bulkput: error: unexpected KeyError: 'surprise'")


def test_a_foreseen_error_has_no_traceback_even_when_verbose(bulkput, job_that, job_file):
    job_that(CredentialsError("no credentials found"))
    ended = bulkput("run", job_file, "--verbose")
    assert (ended.status, ended.err) == (4, "bulkput: error: no credentials found\n")


def test_control_characters_of_names_do_not_reach_the_terminal(bulkput, job_that, job_file, done):
    job_that((dataclasses.replace(done, source="/disks/\x1b]0;x\x07.img"),))
    assert "\x1b" not in bulkput("run", job_file).err


@pytest.fixture
def canary(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY/secret+key0123456789")
    return "CANARY/secret+key0123456789"


def test_no_secret_is_printed_at_the_highest_verbosity(bulkput, job_that, job_file, failed, canary):
    leaky = dataclasses.replace(failed, error=f"header {canary}", notes=(f"note {canary}",))
    for result in (ValueError(canary), CredentialsError(canary), (leaky,), (leaky, leaky)):
        job_that(result)
        for form in ("text", "json"):
            ended = bulkput("run", job_file, "--verbose", "--output", form)
            assert canary not in ended.err
            assert canary not in ended.out


def test_every_flag_of_upload_reaches_the_settings(bulkput, job_that, done, tmp_path):
    seen = job_that((done,))
    flags = [
        *("--volume-size-gib=9", "--description=Web", "--tag=Name=web=01", "--tag=empty="),
        *("--encrypted", "--client-token=token-1", "--timeout-min=90", "--zeros=write"),
        *("--no-wait", "--verify", "--format=raw", "--allow-mounted", "--state-dir=state"),
        *("--region=eu-central-1", "--profile=work", "--endpoint-url=http://127.0.0.1:9"),
        "--verbose",
    ]
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    ended = bulkput("upload", "disk.img", "--kms-key-arn", key, *flags)
    assert ended.status == 0, ended.err
    settings, invocation = seen[0]
    (volume,) = settings.volumes
    assert invocation.verbosity is Verbosity.VERBOSE
    assert settings.model_dump(include={"region", "profile", "endpoint", "state_dir"}) == {
        "region": "eu-central-1",
        "profile": "work",
        "endpoint": "http://127.0.0.1:9",
        "state_dir": tmp_path / "state",
    }
    assert volume.source.path == tmp_path / "disk.img"
    assert (volume.source.format, volume.source.allow_mounted) == ("raw", True)
    assert (volume.zeros, volume.verify) == ("write", "full")
    assert volume.snapshot.model_dump(exclude_none=True) == {
        "volume_size_gib": 9,
        "description": "Web",
        "tags": {"Name": "web=01", "empty": ""},
        "encrypted": True,
        "kms_key_arn": key,
        "timeout_min": 90,
        "client_token": "token-1",
        "mark": True,
        "wait": False,
    }


def test_flags_that_are_not_given_leave_the_defaults(bulkput, job_that, done):
    seen = job_that((done,))
    bulkput("upload", "disk.img")
    (volume,) = seen[0][0].volumes
    assert volume.snapshot.encrypted is None
    assert volume.snapshot.wait
    assert not volume.source.allow_mounted
    assert (volume.zeros, volume.verify, volume.source.format) == ("auto", "none", "auto")


def test_uploads_config_gives_the_tuning(bulkput, job_that, done, tmp_path):
    tuning = tmp_path / "tuning.yaml"
    tuning.write_text("version: 1\nregion: eu-west-1\ntuning:\n  in_flight_max: 7\n")
    seen = job_that((done,))
    assert bulkput("upload", "disk.img", "--config", tuning).status == 0
    assert seen[0][0].tuning.in_flight_max == 7
    assert seen[0][0].region == "eu-west-1"


def test_all_wrong_values_of_upload_are_reported_at_once(bulkput):
    ended = bulkput("upload", "disk.img", "--tag=x", "--volume-size-gib=0", "--timeout-min=1")
    assert ended.status == 3
    for flag in ("--tag", "--volume-size-gib", "--timeout-min"):
        assert f"  {flag}: expected" in ended.err


def test_the_flags_of_run_override_its_file(bulkput, job_that, job_file, done, tmp_path):
    seen = job_that((done,))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = job_file.rename(elsewhere / "job.yaml")
    ended = bulkput(
        *("run", moved, "--region", "us-east-1", "--profile", "work"),
        *("--endpoint-url", "http://localhost:9", "--state-dir", "state"),
    )
    assert ended.status == 0, ended.err
    settings = seen[0][0]
    assert (settings.region, settings.profile) == ("us-east-1", "work")
    assert settings.endpoint == "http://localhost:9"
    assert settings.state_dir == tmp_path / "state"


def test_a_state_dir_below_home_is_found(bulkput, job_that, job_file, done):
    seen = job_that((done,))
    bulkput("run", job_file, "--state-dir=~/state")
    assert seen[0][0].state_dir == Path("~/state").expanduser()


def test_several_volumes_in_text_are_names_and_ids(bulkput, job_that, job_file, done):
    job_that((done, dataclasses.replace(done, volume="db", snapshot_id="snap-0db")))
    assert bulkput("run", job_file).out == "web-01\tsnap-0123456789abcdef0\ndb\tsnap-0db\n"


def test_json_of_run_has_the_jobs_name_and_id(bulkput, job_that, job_file, done):
    job_that((done,))
    first = bulkput("run", job_file, "--output=json").object
    assert (first["job"], len(first["job_id"])) == ("report", 12)
    assert bulkput("run", job_file, "--output=json").object["job_id"] == first["job_id"]
    job_file.write_text(job_file.read_text() + "name: other\n")
    other = bulkput("run", job_file, "--output=json").object
    assert other["job"] == "other"
    assert other["job_id"] != first["job_id"]


def test_an_unknown_variable_of_the_environment_is_a_warning(
    bulkput, job_that, job_file, done, monkeypatch
):
    job_that((done,))
    monkeypatch.setenv("BULKPUT_SERVICE_HOST", "10.0.0.1")
    ended = bulkput("run", job_file)
    assert ended.status == 0
    assert "warning: the environment variable BULKPUT_SERVICE_HOST is none of" in ended.err
    assert "BULKPUT_SERVICE_HOST" not in bulkput("run", job_file, "--quiet").err


def test_check_of_the_configuration_names_sources_that_are_missing(bulkput, tmp_path):
    (tmp_path / "there.img").touch()
    job = tmp_path / "job.yaml"
    sources = ["there.img", "gone.img", "*.img", "$HOME/x.img", "s3://bucket/key"]
    job.write_text(json.dumps({"version": 1, "volumes": [{"source": each} for each in sources]}))
    ended = bulkput("config", "check", job)
    assert (ended.status, ended.out) == (0, "ok: 5 volumes\n")
    warnings = ended.err.replace(f"{tmp_path}/", "").splitlines()
    assert warnings == [
        "warning: gone.img: gone.img does not exist",
        (
            "warning: _.img: *.img does not exist; a pattern of files is written as "
            "`volumes_from: {glob: ...}`"
        ),
        (
            "warning: x.img: $HOME/x.img does not exist; `$HOME` is not replaced: for the variable "
            "write `${env.HOME}`"
        ),
    ]


def test_sizes_of_volumes_take_units(bulkput, job_that, done):
    seen = job_that((done,))
    assert bulkput("upload", "disk.img", "--volume-size-gib", "1TiB").status == 0
    assert seen[0][0].volumes[0].snapshot.volume_size_gib == 1024
    for wrong in ("-3", "0", "1.5GiB", "big"):
        ended = bulkput("upload", "disk.img", f"--volume-size-gib={wrong}")
        assert ended.status == 3
        assert "--volume-size-gib: expected a whole number of GiB" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "disk.img"],
        ["upload", "disk.img", "--dry-run"],
        ["verify", "snap-1", "--endpoint-url=ftp://x"],
        ["diff", "snap-1", "snap-2", "--endpoint-url=ftp://x"],
        ["download", "snap-1", "/no-such/x", "--endpoint-url=ftp://x"],
        ["copy", "snap-1", "--endpoint-url=ftp://x"],
        ["jobs"],
    ],
)
def test_every_verb_warns_of_variables_that_are_not_its_own(bulkput, words, monkeypatch):
    monkeypatch.setenv("BULKPUT_SERVICE_PORT", "1")
    ended = bulkput(*words, "--state-dir=state")
    assert ended.err.count("warning: the environment variable BULKPUT_SERVICE_PORT") == 1
