"""The schema accepts what the program accepts, by a validator that nobody here wrote."""

import copy
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkput.config.describe import keys
from bulkput.config.document import Document
from bulkput.config.load import build
from bulkput.config.schema import DIALECT, SCHEMA_ID, json_schema
from bulkput.model.errors import ConfigError

SCHEMA = json_schema()

ARN = "arn:aws:kms:eu-central-1:001234567012:key/1234abcd-12ab"
ODD = [None, True, False, 0, 1, -1, 1.5, "", "x", [], {}, [1], {"a": 1}, "a b", "ü \n", 10**6]

GOOD = {
    "name": ["a", "A-1.b_c", "Größe", "данные", None, "a" * 100, "a" * 101, "-a", "a\nb"],
    "region": ["eu-central-1", "us-gov-west-1", "eusc-de-east-1", None, "eu-central-1a", "EU-C-1"],
    "profile": ["default", "x" * 255, "x" * 256, None],
    "endpoint": ["aws", "embedded", "https://h", "https://h:8/", "http://[::1]:1", "ftp://h"],
    "size": ["64MiB", "64 mib", 1 << 26, 1 << 50, "1.5GiB", "64MiBB", "MiB", " 1GB ", "9e3"],
    "duration": ["20s", 20, 0.5, "1h30m", "1.5h", "250ms", "s", "1_0", " 5 ", 10**9, "90", "5m 3"],
    "gib": [1, 65536, 65537, "1TiB", "500 GiB", "1.5GiB", "20", "64TiB", "65TiB", "x", True],
    "count": [1, 2, 10, 60, 64, 65, 100, 101, 512, 4096, 4097, 65536, 65537],
    "rate": [0.5, 1, 1000, 100_000, 100_001],
    "tags": [{}, {"a": "b"}, {"aws": "x", "awz:": "", "a": "b"}, {"aws:x": "y"}, {"AwS:": "y"},
             {"k" * 127: "v" * 255}, {"k" * 128: ""}, {"k": "v" * 256}, {"": "x"}, {"k": 5},
             {f"k{n}": "v" for n in range(51)}],
}  # fmt: skip


def either(*names):
    usual = st.sampled_from([value for name in names for value in GOOD[name]])
    return st.one_of(usual, usual, usual, st.sampled_from(ODD))


def section(fields, **more):
    """Some of the keys, now and then one that does not exist."""
    odd = st.sampled_from([{}] * 9 + [{"unknown": 1}])
    known = st.fixed_dictionaries(more, optional=fields)
    return st.builds(lambda data, extra: {**data, **extra}, known, odd)


truth = st.one_of(st.booleans(), st.booleans(), st.sampled_from(ODD))
SNAPSHOT = section(
    {
        "volume_size_gib": either("count", "gib"),
        "description": either("profile"),
        "tags": either("tags"),
        "encrypted": truth,
        "kms_key_arn": st.sampled_from([ARN, ARN, "arn:aws:kms:x", None, 5]),
        "timeout_min": either("count"),
        "client_token": either("name"),
        "parent": st.sampled_from(["snap-0a", "snap-0a", "snap-", "vol-1", None, 5]),
        "parent_manifest": st.sampled_from(["a.manifest", "", None, 5]),
        "wait": truth,
    }
)
SOURCE = st.one_of(
    st.sampled_from(["disk.img", "/dev/sdb"]),
    section({}, path=st.just("disk.img")),
    section({}, sample=either("size")),
    section(
        {
            "path": st.sampled_from(["a", None, "", 5]),
            "sample": st.sampled_from(["5MiB", None, "0", 7]),
            "format": st.sampled_from(["auto", "raw", "qcow2", "qed", None]),
            "allow_mounted": truth,
            "reader": st.sampled_from(["auto", "mmap", "preadv", "x"]),
        }
    ),
    st.sampled_from(ODD),
)
VOLUME = section(
    {
        "snapshot": st.one_of(SNAPSHOT, SNAPSHOT, st.sampled_from(ODD)),
        "zeros": st.sampled_from(["auto", "write", "skip-holes", "skip", "none", None, 1]),
        "verify": st.sampled_from(["none", "full", "sample", "x", None]),
        "verify_sample": either("size"),
        "resume": st.sampled_from(["auto", "trust", "verify", "x"]),
        "on_failure": st.sampled_from(["keep", "delete", None]),
        "allow_changing_source": truth,
        "name": either("name"),
        "series": either("name"),
    },
    source=SOURCE,
)
TUNING = section(
    {
        "memory_budget": either("size"),
        "window": either("size"),
        "hash_workers": either("count"),
        "processes": st.one_of(either("count"), st.sampled_from(["auto", "few"])),
        "in_flight_max": either("count"),
        "puts_per_s_snapshot": either("rate"),
        "puts_per_s_account": either("rate"),
        "gets_per_s_snapshot": either("rate"),
        "gets_per_s_account": either("rate"),
    }
    | {
        key.path.removeprefix("tuning."): either("duration")
        for key in keys()
        if key.path.startswith("tuning.") and key.type_text.startswith("duration")
    }
)
JOB = section(
    {
        "name": either("name"),
        "region": either("region"),
        "profile": either("profile"),
        "endpoint": either("endpoint"),
        "allow_insecure_http": truth,
        "state_dir": st.sampled_from(["/var/state", "~/s", "", None, 5]),
        "parallel": either("count"),
        "tuning": st.one_of(TUNING, TUNING, st.sampled_from(ODD)),
    },
    version=st.sampled_from([1] * 9 + [2, "1", True, None]),
    volumes=st.one_of(st.lists(VOLUME, max_size=2), st.sampled_from(ODD)),
)
WITH_DEFAULTS = st.builds(
    lambda job, defaults: {**job, "defaults": defaults},
    JOB,
    section(
        {
            "snapshot": st.one_of(SNAPSHOT, st.sampled_from(ODD)),
            "source": st.sampled_from(["a", {"format": "raw"}, {"sample": "9MiB"}, 5]),
            "zeros": st.sampled_from(["auto", "write", "none"]),
            "name": either("name"),
        }
    ),
)

BEYOND_A_SCHEMA = (
    "a quarter of memory_budget",
    "a multiple of",
    "a size from",
    "a whole number of GiB",
    "a duration from",
    "the same name as",
    "the same series as",
    "http is for this machine only",
    "put it in quotes",
    "and more problems",
)
"""Sentences of rules that compare quantities with units, names, or hosts; and of numbers where text
is wanted, which may have been text before an editor read them."""


def accepted_by_schema(job):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(job)


def refusals(job):
    try:
        build(Document(None, data=copy.deepcopy(job)), [], environ={})
    except ConfigError as error:
        return [problem.expected for problem in error.problems]
    return []


def assert_agreement(job):
    refused = refusals(job)
    if accepted_by_schema(job):
        beyond = [text for text in refused if any(rule in text for rule in BEYOND_A_SCHEMA)]
        assert refused == beyond, "the schema accepts what the program refuses"
    else:
        assert refused, "the schema refuses what the program accepts"


def test_the_schema_is_a_schema_of_its_dialect():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT
    assert SCHEMA["$id"] == SCHEMA_ID
    json.dumps(SCHEMA)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(JOB)
def test_schema_and_program_accept_the_same_jobs(job):
    assert_agreement(job)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(WITH_DEFAULTS)
def test_the_schema_takes_every_job_with_defaults_that_the_program_takes(job):
    if not refusals(job):
        assert accepted_by_schema(job)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "${host}-job", "region": "${env.R}"},
        {"parallel": "${var.n}", "tuning": {"window": "${var.w}"}},
        {"volumes": [{"source": "${host}.img", "zeros": "${var.z}", "verify": "${var.v}"}]},
        {"volumes": [{"source": "a", "snapshot": {"volume_size_gib": "${var.n}"}}]},
        {"volumes": [{"source": "a", "snapshot": {"tags": {"Host": "${host}"}}}]},
        {"volumes": [{"source": "a", "snapshot": {"encrypted": "${var.yes}"}}]},
        {"volumes": [{"source": {"path": "a", "format": "${var.f}"}}]},
        {"defaults": {"snapshot": {"tags": {"Owner": "x"}}}, "volumes_from": {"glob": "/dev/nul?"}},
        {"volumes_from": [{"glob": "/dev/nul?"}, {"glob": "${var.none}", "allow_empty": True}]},
        {"volumes_from": {"block_devices": {"exclude": ["*"]}, "allow_empty": True}},
        {"defaults": {"snapshot": {"tags": {"A": "b"}}},
         "volumes": [{"source": "a", "snapshot": {"tags": {"A": None}}}]},
        {"defaults": {"source": {"format": "raw"}}, "volumes": [{"source": {"path": "a"}}]},
        {"vars": {"a" * 64: "x"}},
        {"volumes": [{"source": "x", "snapshot": {"tags": {"k" * 127: "v"}}}]},
        {"window": "22:00-06:00", "order": "size-desc", "on_error": "stop", "max_duration": "6h"},
    ],
)  # fmt: skip
def test_the_schema_takes_what_only_files_have(changes):
    own = {"n": 2, "w": "1MiB", "z": "skip", "v": "full", "yes": True, "f": "raw", "none": "/no*"}
    job = {"version": 1, "vars": own, "volumes": [{"source": "x"}], **changes}
    assert accepted_by_schema(job)
    build(Document(None, data=copy.deepcopy(job)), [], environ={"R": "eu-central-1"})


@pytest.mark.parametrize(
    "changes",
    [
        {"volumes_from": {"glob": "/*", "csv": "a.csv"}},
        {"volumes_from": {"allow_empty": True}},
        {"volumes_from": {"globs": "/*"}},
        {"volumes_from": 5},
        {"vars": {"a b": "x"}},
        {"vars": {"a": [1]}},
        {"vars": {"a" * 65: "x"}},
        {"volumes": [{"source": "x", "snapshot": {"tags": {"k" * 128: "v"}}}]},
        {"defaults": {"snapshot": {"tags": {"k" * 128: None}}}},
        {"vars": []},
        {"defaults": []},
        {"defaults": {"sorce": "x"}},
        {"window": "22-06"},
        {"order": "name"},
        {"max_duration": 0},
    ],
)
def test_both_refuse_what_a_file_may_not_have(changes):
    job = {"version": 1, "volumes": [{"source": "x"}], **changes}
    assert not accepted_by_schema(job)
    assert refusals(job)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_they_agree_on_each_value_alone(data):
    key, strategy = data.draw(
        st.sampled_from(
            [
                (("name",), either("name")),
                (("region",), either("region")),
                (("parallel",), either("count")),
                (("allow_insecure_http",), truth),
                (("tuning", "puts_per_s_account"), either("rate")),
                (("volumes", "verify"), st.sampled_from(["none", "full", "x", None])),
                (("volumes", "snapshot"), SNAPSHOT),
                (("volumes", "source"), SOURCE),
            ]
        )
    )
    job = {"version": 1, "endpoint": "embedded", "volumes": [{"source": "a"}]}
    value = data.draw(strategy)
    if key[0] == "volumes":
        job["volumes"][0][key[1]] = value
    elif len(key) == 2:
        job[key[0]] = {key[1]: value}
    else:
        job[key[0]] = value
    assert_agreement(job)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("memory_budget", ["128MiB", "0.5 GiB", "64mib", 1 << 27], ["x", "1 bushel", 1, True, 1.5]),
        ("window", ["8MiB", 1 << 23], [(1 << 23) + 1, "MiB", None]),
        ("attempt_deadline", ["90s", "1h30m", "250ms", 5, 0.5, "5"], ["soon", 0, True, "1 year"]),
    ],
)
def test_quantities_are_the_same_to_both(key, good, bad):
    for value in good + bad:
        job = {"version": 1, "volumes": [{"source": "a"}], "tuning": {key: value}}
        assert accepted_by_schema(job) == (value in good and not isinstance(value, bool)), value
        assert (refusals(job) == []) == (value in good and not isinstance(value, bool)), value
