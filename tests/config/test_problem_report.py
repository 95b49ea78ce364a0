import pytest

from bulkput.config.problems import PROBLEM_COUNT_MAX

EVERYTHING_WRONG = """\
version: true
regoin: eu-central-1
endpoint: http://10.0.0.1
aws_secret_access_key: wJalrXUtnFEMI
parallel: 0
tuning:
  window: 9GiB
  memory_budget: 1MiB
  connect_deadline: soon
  in_flight_max: 1.5
volumes:
  - source: {path: a.img, sample: 5MiB}
    zero: skip
    snapshot:
      encrypted: false
      kms_key_arn: nope
      volume_size_gib: 65537
      tags:
        aws:x: y
        K: 5
      timeout_min: 5
      wait: yes
  - source: {}
  - source: b/a.img
  - name: 5
  - foo
parallel: 3
"""


def test_every_problem_is_in_one_report_in_the_order_of_the_file(problems):
    found = problems(EVERYTHING_WRONG)
    assert [(path, line) for path, line, _ in found] == [
        ("version", 1),
        ("regoin", 2),
        ("endpoint", 3),
        ("aws_secret_access_key", 4),
        ("parallel", 5),
        ("tuning.window", 7),
        ("tuning.memory_budget", 8),
        ("tuning.connect_deadline", 9),
        ("tuning.in_flight_max", 10),
        ("volumes[0].source.sample", 12),
        ("volumes[0].zero", 13),
        ("volumes[0].snapshot.kms_key_arn", 16),
        ("volumes[0].snapshot.volume_size_gib", 17),
        ("volumes[0].snapshot.tags['aws:x']", 19),
        ("volumes[0].snapshot.tags.K", 20),
        ("volumes[0].snapshot.timeout_min", 21),
        ("volumes[0].snapshot.wait", 22),
        ("volumes[1].source.sample", 23),
        ("volumes[3].name", 25),
        ("volumes[3].source", 25),
        ("volumes[4]", 26),
        ("parallel", 27),
    ]


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("versoin: 1", "versoin", 5, "did you mean version?"),
        ("tuning: {windows: 1MiB}", "tuning.windows", 5, "did you mean window?"),
        ("tuning: {window_bytes: 1}", "tuning.window_bytes", 5, "did you mean window?"),
        ("tuning:", "tuning", 5, "expected a section"),
        ("tuning: [1]", "tuning", 5, "expected a section"),
        ("region: eu-central-1a", "region", 5, "a Region such as eu-central-1"),
        ("parallel: '2'", "parallel", 5, "a whole number from 1 to 100"),
        ("parallel: true", "parallel", 5, "a whole number from 1 to 100"),
        ("parallel: 2.5", "parallel", 5, "a whole number from 1 to 100"),
        ("allow_insecure_http: yes", "allow_insecure_http", 5, "expected true or false"),
        ("name: a b", "name", 5, "a name of letters"),
        ('name: "a\\n"', "name", 5, "a name of letters"),
        ("name: 12", "name", 5, "put it in quotes"),
        ("state_dir: ''", "state_dir", 5, "expected a path"),
        ("state_dir: 5", "state_dir", 5, "expected a path"),
        ("state_dir: ~nobody-of-that-name/x", "state_dir", 5, "without a home"),
        ("tuning: {window: 700KiB}", "tuning.window", 5, "a multiple of 512KiB"),
        ("tuning: {window: 64MiB}", "tuning.window", 5, "which is 16MiB"),
        ("tuning: {memory_budget: 1.5}", "tuning.memory_budget", 5, "from 32MiB to 64GiB"),
        ("tuning: {memory_budget: true}", "tuning.memory_budget", 5, "from 32MiB to 64GiB"),
        ("tuning: {memory_budget: 64 MB iB}", "tuning.memory_budget", 5, "from 32MiB to 64GiB"),
        ("tuning: {attempt_deadline: .nan}", "tuning.attempt_deadline", 5, "from 0.1s to 72h"),
        ("tuning: {attempt_deadline: 1_0}", "tuning.attempt_deadline", 5, "from 0.1s to 72h"),
        ("tuning: {puts_per_s_account: .inf}", "tuning.puts_per_s_account", 5, "a number above 0"),
        ("tuning: {puts_per_s_account: 0}", "tuning.puts_per_s_account", 5, "a number above 0"),
        ("tuning: {hash_workers: 0}", "tuning.hash_workers", 5, "a whole number from 1 to 64"),
        ("tuning: {processes: few}", "tuning.processes", 5, "auto, or a whole number from 1 to 64"),
        ("session_token: x", "session_token", 5, "AWS chain"),
        ("access_key: x", "access_key", 5, "AWS chain"),
        ("secret_key: x", "secret_key", 5, "AWS chain"),
    ],
)
def test_a_mistake_is_placed_and_says_what_was_expected(problems, text, path, line, message):
    job = "version: 1\nvolumes:\n  - source: a.img\n\n" + text + "\n"
    ((found_path, found_line, expected),) = problems(job)
    assert (found_path, found_line) == (path, line)
    assert message in expected


@pytest.mark.parametrize(
    ("volume", "path", "message"),
    [
        ("source: ''", "source.path", "expected a path"),
        ("source: 5", "source", "expected a section"),
        ("source: {path: a, sample: 9MiB}", "source.sample", "exactly one"),
        ("source: {reader: mmap}", "source.sample", "exactly one"),
        (
            "source: {path: a, format: qed}",
            "source.format",
            "auto or raw or qcow2 or vmdk or vhd or vhdx or vdi",
        ),
        ("source: s3://bucket", "source.path", "expected s3://bucket/key"),
        ("source: 'ftp://host/x'", "source.path", "s3://bucket/key or https://host/path"),
        ("source: 'https://u:p@host/x'", "source.path", "without user and password"),
        ("source: 'http://host/x'", "source.path", "expected https"),
        ("{source: '-', verify: full}", "verify", "cannot be read a second time"),
        ("source: {path: a, reader: read}", "source.reader", "auto or mmap or preadv"),
        ("{source: a, zeros: none}", "zeros", "auto or write or skip-holes or skip"),
        ("{source: a, verify: true}", "verify", "none or sample or full"),
        ("{source: a, name: a/b}", "name", "a name of letters"),
        ("{source: a, snapshot: {description: ''}}", "snapshot.description", "1 to 255"),
        ("{source: a, snapshot: {client_token: a b}}", "snapshot.client_token", "without spaces"),
        ("{source: a, snapshot: {tags: {'': x}}}", "snapshot.tags['']", "1 to 127"),
        ("{source: a, snapshot: {tags: {AWS:x: y}}}", "snapshot.tags['AWS:x']", "prefix aws:"),
        ("{source: a, snapshot: {tags: [a]}}", "snapshot.tags", "expected a section"),
        ("{source: a, snapshot: {timeout_min: 9}}", "snapshot.timeout_min", "10 to 4320"),
        ("{source: a, snapshot: {timeout_min: 4321}}", "snapshot.timeout_min", "10 to 4320"),
        ("{source: a, snapshot: {volume_size_gib: 0}}", "snapshot.volume_size_gib", "1 to 65536"),
    ],
)
def test_a_mistake_in_a_volume_is_placed(problems, volume, path, message):
    ((found_path, line, expected),) = problems(
        f"version: 1\nendpoint: embedded\nvolumes:\n  - {volume}\n"
    )
    assert (found_path, line) == (f"volumes[0].{path}", 4)
    assert message in expected


def test_a_key_beside_encrypted_false_is_refused_as_the_service_does(problems):
    arn = "arn:aws:kms:eu-central-1:001234567012:key/1234abcd"
    snapshot = {"encrypted": False, "kms_key_arn": arn}
    ((path, _, expected),) = problems(
        {"version": 1, "volumes": [{"source": "a", "snapshot": snapshot}]}
    )
    assert path == "volumes[0].snapshot.kms_key_arn"
    assert "encrypted: false" in expected


@pytest.mark.parametrize(("job", "message"), [({}, "is required"), ({"volumes": []}, "at least 1")])
def test_a_job_has_at_least_one_volume(problems, job, message):
    ((path, _, expected),) = problems({"version": 1, **job})
    assert path == "volumes"
    assert message in expected


def test_a_sample_is_for_the_embedded_endpoint_only(problems, load):
    volumes = [{"source": {"sample": "9MiB"}}]
    ((path, _, expected),) = problems({"version": 1, "volumes": volumes})
    assert (path, "embedded" in expected) == ("volumes[0].source.sample", True)
    assert load({"version": 1, "endpoint": "embedded", "volumes": volumes})


def test_volumes_of_one_name_are_refused_even_beside_other_mistakes(problems):
    volumes = [{"source": "a/disk.img"}, {"source": "a/disk.img", "zeros": "maybe"}]
    found = problems({"version": 1, "volumes": volumes})
    assert {path for path, _, _ in found} == {"volumes[1].name", "volumes[1].zeros"}


def test_a_long_report_is_cut_and_says_how_much_is_left(problems):
    found = problems({"version": 1, "volumes": ["x"] * 250})
    assert len(found) == PROBLEM_COUNT_MAX + 1
    assert found[-1][2] == "and 150 more problems"


CANARY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"secret_key: {CANARY}",
        f"region: {CANARY}",
        f"endpoint: https://AKIA:{CANARY}@host",
        f"endpoint: https://host/?key={CANARY}",
        f"name: '{CANARY} x'",
        f"tuning: {CANARY}",
        f"tuning: {{window: {CANARY}, hash_workers: {CANARY}}}",
        f"parallel: {CANARY}",
        f"volumes: {CANARY}",
        f"volumes: [{CANARY}, {{source: a, snapshot: {{kms_key_arn: {CANARY}}}}}]",
    ],
)
def test_no_value_of_the_file_is_repeated(load, text):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must be silent
        load(f"version: 2\n{text}\n")
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
