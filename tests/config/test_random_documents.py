import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkput.config.describe import keys
from bulkput.config.load import load_settings
from bulkput.config.settings import JobSettings
from bulkput.config.show import shown
from bulkput.model.errors import ConfigError

NAMES = sorted({part for key in keys() for part in key.path.replace("[]", "").split(".")})
VALUES = ["1", "aws", "embedded", "64MiB", "20s", "auto", "true", "no", "~", "0x1", "5.", "1e999"]
SYNTAX = ["''", ".nan", "*a", "&a b", "!x y", "[]", "{}", "- 1", "9" * 30, *"|>'%@\""]
WORDS = st.sampled_from([*VALUES, *SYNTAX])
LINES = st.builds(
    lambda indent, dash, name, colon, word: f"{' ' * indent}{dash}{name}{colon}{word}",
    st.integers(0, 6),
    st.sampled_from(["", "", "- "]),
    st.one_of(st.sampled_from(NAMES), WORDS),
    st.sampled_from([": ", ": ", ":", " "]),
    st.one_of(WORDS, st.text(max_size=8)),
)


def outcome(path, content):
    path.write_bytes(content)
    try:
        return load_settings(path, environ={}).settings
    except ConfigError as error:
        return error


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("random") / "job.yaml"


relaxed = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(lines=st.lists(LINES, max_size=12))
def test_lines_that_look_like_a_job_give_settings_or_a_report(path, lines):
    text = "\n".join(["version: 1", "volumes: [{source: a}]", *lines])
    result = outcome(path, text.encode("utf-8", "surrogatepass"))
    assert isinstance(result, JobSettings | ConfigError)
    if isinstance(result, ConfigError):
        count = text.count("\n") + len(text.splitlines()) + 1
        assert all(problem.expected for problem in result.problems)
        assert all(1 <= (problem.line or 1) <= count for problem in result.problems)


@relaxed
@given(content=st.binary(max_size=200))
def test_noise_gives_a_report(path, content):
    assert isinstance(outcome(path, content), ConfigError)


@relaxed
@given(text=st.text(alphabet="ab:-?[]{},&*!|>'\"%#\\ \n\t~<=019.Ux\x85\u2028", max_size=60))
def test_noise_in_yaml_s_own_characters_gives_a_report(path, text):
    assert isinstance(outcome(path, text.encode()), ConfigError)


@pytest.mark.parametrize("text", ["%YAML 1.0", "%YAML 1.0\n---\n&*0-", 'a: "\\U00110000"', "? "])
def test_slips_of_the_yaml_library_are_no_slips_of_ours(path, text):
    assert isinstance(outcome(path, text.encode()), ConfigError)


TEXT = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20
)


def escaped_dollars(tags, description):
    """Return the section that means these texts: in values `${` begins a variable, in keys not."""

    def escaped(text):
        return text.replace("${", "$${")

    return {
        "tags": {key: escaped(value) for key, value in tags.items()},
        "description": escaped(description),
    }


@relaxed
@example(tags={"${": "${x"}, description="$${", window=1, deadline_s=1.0, rate=1.0)
@given(
    tags=st.dictionaries(TEXT.filter(lambda t: not t.lower().startswith("aws:")), TEXT, max_size=4),
    description=TEXT,
    window=st.integers(1, 16),
    deadline_s=st.floats(0.1, 259200),
    rate=st.floats(0.001, 100_000),
)
def test_what_show_prints_is_the_same_job_again(
    *, path, tags, description, window, deadline_s, rate
):
    job = {
        "version": 1,
        "name": "no",
        "volumes": [
            {"source": "a", "snapshot": escaped_dollars(tags, description)},
            {"source": "b/001"},
        ],
        "tuning": {
            "window": window << 19,
            "attempt_deadline": round(deadline_s, 9),
            "puts_per_s_account": rate,
        },
    }
    text = json.dumps(job, ensure_ascii=False)
    escaped = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
    path.write_text(escaped, encoding="utf-8")
    loaded = load_settings(path, environ={})
    again = Path(path.parent / "shown.yaml")
    again.write_text(shown(loaded), encoding="utf-8")
    assert load_settings(again, environ={}).settings == loaded.settings
