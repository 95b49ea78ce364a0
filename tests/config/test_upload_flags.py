from pathlib import Path

import pytest

from bulkput.config.flags import JOB_KEYS, UPLOAD_FLAGS, settings_from_flags
from bulkput.config.job_file import JobFile
from bulkput.config.problems import CREDENTIALS_ELSEWHERE
from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy


def build(source="disk.img", *, environ=None, config=None, **flags):
    return settings_from_flags(source, flags=flags, environ=environ or {}, config=config)


def test_flags_alone_make_a_job_of_one_volume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = build(
        region="eu-central-1",
        volume_size_gib=2,
        description="d",
        tag=("Name=disk", "Empty=", "Equals=a=b"),
        zeros="skip-holes",
        wait=False,
        verify="full",
        state_dir=Path("state"),
        client_token=None,
    )
    (volume,) = loaded.settings.volumes
    assert volume.source.path == tmp_path / "disk.img"
    assert volume.snapshot.volume_size_gib == 2
    assert volume.snapshot.tags == {"Name": "disk", "Empty": "", "Equals": "a=b"}
    assert volume.zeros is ZeroPolicy.SKIP_HOLES
    assert volume.snapshot.wait is False
    assert loaded.settings.state_dir == tmp_path / "state"
    assert loaded.origin("region") == "flag --region"
    assert loaded.origin("volumes[0].source.path") == "argument SOURCE"
    assert loaded.origin("volumes[0].snapshot.wait") == "flag --no-wait"


@pytest.mark.parametrize(
    ("flags", "name", "message"),
    [
        ({"volume_size_gib": 0}, "--volume-size-gib", "1 to 65536"),
        ({"timeout_min": 1}, "--timeout-min", "10 to 4320"),
        ({"tag": ("a=1", "novalue")}, "--tag", "Key=Value, and number 2 has no `=`"),
        ({"tag": ("a=1", "b=2", "b=3")}, "--tag", "the key 'b' is given twice"),
        ({"tag": ("aws:a=1",)}, "--tag", "'aws:a': expected a tag key of 1 to 127"),
        ({"tag": ("a=1", f"Owner={256 * 'x'}")}, "--tag", "'Owner': expected text of at most"),
        ({"volume_size_gib": "1.5GiB"}, "--volume-size-gib", "whole number of GiB"),
        ({"volume_size_gib": "-3"}, "--volume-size-gib", "whole number of GiB"),
        ({"tag": [f"k{n}=v" for n in range(51)]}, "--tag", "at most 50"),
        (
            {"encrypted": False, "kms_key_arn": "arn:aws:kms:a:001234567012:key/b"},
            "--kms-key-arn",
            "encrypted",
        ),
        ({"endpoint_url": "http://host"}, "--endpoint-url", "https"),
        ({"client_token": "a b"}, "--client-token", "without spaces"),
        ({"source": ""}, "SOURCE", "expected a path"),
        ({"source": "a\0b"}, "SOURCE", "expected a path"),
        ({"region": "here"}, "--region", "a Region"),
    ],
)
def test_a_wrong_flag_is_named_as_the_user_wrote_it(flags, name, message):
    with pytest.raises(ConfigError) as caught:
        build(**flags)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == (name, None)
    assert message in problem.expected


def test_all_wrong_flags_are_in_one_report():
    with pytest.raises(ConfigError) as caught:
        build(volume_size_gib=0, tag=("x",), region="here", environ={"BULKPUT_PARALLEL": "x"})
    assert len(caught.value.problems) == 4


def test_of_a_file_only_how_and_where_counts(write):
    config = write(
        {
            "version": 1,
            "name": "job",
            "parallel": 7,
            "region": "us-east-1",
            "tuning": {"window": "1MiB"},
            "volumes": ["whatever it is"],
        }
    )
    loaded = build(config=config, region="eu-west-1")
    assert loaded.settings.tuning.window_bytes == 1 << 20
    assert loaded.settings.region == "eu-west-1"
    assert loaded.settings.name is None
    assert loaded.settings.parallel == 1
    assert loaded.settings.volumes[0].label == "disk.img"


def test_mistakes_of_that_file_keep_their_line(write):
    config = write("version: 1\ntuning:\n  window: huge\n")
    with pytest.raises(ConfigError) as caught:
        build(config=config)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("tuning.window", 3)
    assert str(config) in str(caught.value)


def test_a_file_of_unknown_keys_is_not_taken_in_silence(write):
    with pytest.raises(ConfigError) as caught:
        build(config=write("version: 1\ntunning: {}\nsecret_key: x\n"))
    assert [problem.expected for problem in caught.value.problems] == [
        "unknown key; did you mean tuning?",
        CREDENTIALS_ELSEWHERE,
    ]


def test_every_flag_leads_to_a_key_that_exists():
    names = {field.alias or name for name, field in JobFile.model_fields.items()}
    assert {flag.location[0] for flag in UPLOAD_FLAGS.values()} <= names
    assert set(JOB_KEYS) <= names


def test_an_unknown_flag_is_a_mistake_of_the_program():
    with pytest.raises(KeyError):
        build(colour="red")
