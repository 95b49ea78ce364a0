from pathlib import Path

import pytest

from bulkput.config.describe import keys
from bulkput.config.environment import variables

JOB = """\
version: 1
region: eu-central-1
tuning:
  window: 4MiB
volumes:
  - source: disk.img
"""


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(load):
    for environ, overrides, window_bytes, origin in [
        ({}, {}, 4 << 20, ":4"),
        ({"BULKPUT_TUNING_WINDOW": "2MiB"}, {}, 2 << 20, "environment BULKPUT_TUNING_WINDOW"),
        (
            {"BULKPUT_TUNING_WINDOW": "2MiB"},
            {"tuning.window": "1MiB"},
            1 << 20,
            "flag --window",
        ),
    ]:
        loaded = load(JOB, environ=environ, overrides=overrides)
        assert loaded.settings.tuning.window_bytes == window_bytes
        assert loaded.origin("tuning.window").endswith(origin)
    assert loaded.origin("tuning.memory_budget") == "default"


def test_the_origin_of_a_file_s_value_is_file_and_line(load, tmp_path):
    loaded = load(JOB)
    assert loaded.origin("region") == f"{tmp_path / 'job.yaml'}:2"
    assert loaded.origin("volumes[0].source.path") == f"{tmp_path / 'job.yaml'}:6"


def test_a_flag_that_was_not_given_is_no_override(load):
    assert load(JOB, overrides={"region": None}).settings.region == "eu-central-1"


def test_every_single_value_of_top_and_tuning_has_a_variable():
    expected = {
        "BULKPUT_" + key.path.replace(".", "_").upper()
        for key in keys()
        if not key.path.startswith(("volumes", "images"))
        and key.path
        not in ("version", "tuning", "observe", "fleet", "fleet.retries", "vars", "defaults")
    }
    assert set(variables()) == expected
    assert len(expected) == 46


def test_variables_are_converted_to_what_their_key_takes(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {
        "BULKPUT_NAME": "4711",
        "BULKPUT_PROFILE": "007",
        "BULKPUT_ENDPOINT": "http://10.1.2.3:80/",
        "BULKPUT_ALLOW_INSECURE_HTTP": "true",
        "BULKPUT_STATE_DIR": "state",
        "BULKPUT_PARALLEL": "3",
        "BULKPUT_TUNING_PUTS_PER_S_ACCOUNT": "250.5",
        "BULKPUT_TUNING_ATTEMPT_DEADLINE": "1m30s",
        "BULKPUT_TUNING_MEMORY_BUDGET": "67108864",
        "AWS_REGION": "us-west-2",
        "BULKPUT_REGION": "",
    }
    settings = load("version: 1\nvolumes: [{source: a}]", environ=environ).settings
    assert settings.name == "4711"
    assert settings.profile == "007"
    assert settings.endpoint == "http://10.1.2.3:80"
    assert settings.state_dir == tmp_path / "state"
    assert settings.parallel == 3
    assert settings.tuning.puts_per_s_account == 250.5
    assert settings.tuning.attempt_deadline_s == 90
    assert settings.tuning.memory_budget_bytes == 64 << 20
    assert settings.region is None, "AWS_REGION is the AWS chain's, empty is not set"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BULKPUT_PARALLEL", "two", "a whole number from 1 to 100"),
        ("BULKPUT_PARALLEL", "0", "a whole number from 1 to 100"),
        ("BULKPUT_WINDOW", "night", "such as 22:00-06:00"),
        ("BULKPUT_ORDER", "name", "file or size or size-desc"),
        ("BULKPUT_TUNING_WINDOW", "1 bushel", "a size from"),
        ("BULKPUT_STATE_DIR", "~nobody-of-that-name", "without a home"),
        ("BULKPUT_ALLOW_INSECURE_HTTP", "1", "true or false"),
    ],
)
def test_a_wrong_variable_is_named_instead_of_the_key(problems, name, value, message):
    ((path, line, expected),) = problems(JOB, environ={name: value})
    assert (path, line) == (name, None)
    assert message in expected


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("BULKPUT_PARALEL", "did you mean BULKPUT_PARALLEL?"),
        ("BULKPUT_VERSION", "BULKPUT_VERSION is none of this program's"),
        ("BULKPUT_SERVICE_HOST", "BULKPUT_SERVICE_HOST is none of this program's"),
        ("BULKPUT_CREDENTIALS_PORT_443_TCP_ADDR", "is none of this program's"),
    ],
)
def test_an_unknown_variable_is_a_warning_as_kubernetes_sets_some(load, name, warned):
    (warning,) = load(JOB, environ={name: "wJalr"}).warnings
    assert warned in warning
    assert "wJalr" not in warning
    assert load(JOB, environ={name: ""}).warnings == ()


def test_mistakes_of_file_environment_and_flags_are_in_one_report(problems):
    found = problems(
        JOB.replace("4MiB", "0"),
        environ={"BULKPUT_PARALLEL": "0"},
        overrides={"endpoint": "ftp://host"},
    )
    assert {path for path, _, _ in found} == {
        "tuning.window",
        "BULKPUT_PARALLEL",
        "--endpoint-url",
    }


def test_a_variable_does_not_hide_that_the_file_has_no_section_there(problems):
    job = "version: 1\ntuning: 5\nvolumes: [{source: a}]"
    ((path, line, _),) = problems(job, environ={"BULKPUT_TUNING_WINDOW": "1MiB"})
    assert (path, line) == ("tuning", 2)


def test_relative_paths_start_from_the_file_s_folder(load, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/somebody")
    job = "version: 1\nstate_dir: ~/state\nvolumes: [{source: images/disk.img}]"
    settings = load(job).settings
    assert settings.volumes[0].source.path == tmp_path / "images/disk.img"
    assert settings.state_dir == Path("/home/somebody/state")


def test_a_flag_s_relative_path_starts_from_the_current_folder(load, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = load(JOB, overrides={"state_dir": Path("state")})
    assert loaded.settings.state_dir == tmp_path / "elsewhere/state"


@pytest.mark.parametrize(
    ("endpoint", "fits"),
    [
        ("aws", True),
        ("embedded", True),
        ("https://ebs.eu-central-1.amazonaws.com", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.8.9.1", True),
        ("http://localhost:1", True),
        ("http://[::1]:8080/", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://0.0.0.0", False),
        ("http://host", False),
        ("https://user:password@host", False),
        ("https://host/path", False),
        ("https://host:0", False),
        ("https://host:99999", False),
        ("https://[::1", False),
        ("https://", False),
        ("AWS", False),
        ("ftp://host", False),
        ("", False),
    ],
)
def test_http_is_for_this_machine_and_urls_are_scheme_host_and_port(load, problems, endpoint, fits):
    job = {"version": 1, "endpoint": endpoint, "volumes": [{"source": "a"}]}
    if fits:
        assert load(job).settings.endpoint == endpoint.rstrip("/")
    else:
        ((path, _, expected),) = problems(job)
        assert path == "endpoint"
        assert "password" not in expected


def test_insecure_http_can_be_allowed_knowingly(load):
    job = {"endpoint": "http://host", "allow_insecure_http": True, "version": 1}
    assert load(job | {"volumes": [{"source": "a"}]}).settings.endpoint == "http://host"


def test_settings_cannot_be_changed(load):
    settings = load(JOB).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.parallel = 2


def test_a_volume_without_a_name_is_called_like_its_file(load):
    volumes = [{"source": "a/my disk.img"}, {"source": "b", "name": "root"}, {"source": "/"}]
    settings = load({"version": 1, "volumes": volumes}).settings
    assert [volume.label for volume in settings.volumes] == ["my_disk.img", "root", "volume"]
