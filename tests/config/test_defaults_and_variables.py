"""What a file says once for all volumes, and what stands for something else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkput.config.defaults import merged
from bulkput.config.document import Document
from bulkput.config.expansion import Inputs
from bulkput.config.load import build
from bulkput.config.show import shown
from bulkput.config.variables import VariableError, Variables, substituted
from bulkput.model.errors import ConfigError

JOB = """\
version: 1
vars: {owner: ops, size: 20}
defaults:
  source: {format: raw}
  zeros: write
  snapshot:
    tags: {Owner: "${var.owner}", Disk: "${name} of ${source.name}"}
    volume_size_gib: ${var.size}
volumes:
  - source: a/web.img
    snapshot: {tags: {Owner: me, Extra: x}}
  - source: b/db.tar.gz
    name: ${source.stem}-disk
    zeros: skip
"""


def test_a_volumes_own_key_wins_and_sections_are_merged(load):
    first, second = load(JOB).settings.volumes
    assert (first.zeros, second.zeros) == ("write", "skip")
    assert first.source.format == "raw"
    assert first.snapshot.tags == {"Owner": "me", "Disk": "web.img of web.img", "Extra": "x"}
    assert second.label == "db.tar-disk"
    assert second.snapshot.tags == {"Owner": "ops", "Disk": "db.tar-disk of db.tar.gz"}
    assert second.snapshot.volume_size_gib == 20


def test_show_reports_what_came_from_the_defaults(load, tmp_path):
    loaded = load(JOB)
    job = tmp_path / "job.yaml"
    for path, origin in [
        ("volumes[0].zeros", f"{job}:5 (defaults)"),
        ("volumes[1].zeros", f"{job}:14"),
        ("volumes[0].snapshot.tags.Owner", f"{job}:11"),
        ("volumes[1].snapshot.tags.Owner", f"{job}:7 (defaults)"),
        ("volumes[1].source.path", f"{job}:12"),
        ("volumes[1].source.format", f"{job}:4 (defaults)"),
        ("volumes[1].verify", "default"),
    ]:
        assert loaded.origin(path) == origin
    assert f"Owner: ops  # {job}:7 (defaults)" in " ".join(shown(loaded).split()).replace(
        "ops #", "ops  #"
    )


@pytest.mark.parametrize(
    ("defaults", "own", "both"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"tags": {"A": "x", "B": "y"}}, {"tags": {"A": None}}, {"tags": {"B": "y"}}),
        ({"tags": {"A": "x"}}, {"tags": {"C": None}}, {"tags": {"A": "x", "C": None}}),
    ],
)
def test_two_sections_become_one(defaults, own, both):
    assert merged(defaults, own) == both


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@settings(max_examples=200, deadline=None)
@given(SECTIONS, SECTIONS)
def test_merging_keeps_all_of_ones_own_and_changes_neither(defaults, own):
    before = repr((defaults, own))
    both = merged(defaults, own)
    assert repr((defaults, own)) == before
    assert both.keys() == defaults.keys() | own.keys()
    assert merged(both, own) == both
    assert merged(defaults, {}) == defaults
    assert merged({}, own) == own


def test_a_mistake_in_the_defaults_is_reported_once_where_it_stands(problems):
    job = {
        "version": 1,
        "defaults": {"zeros": "no"},
        "volumes": [{"source": f"{n}"} for n in "abc"],
    }
    ((path, line, expected),) = problems(job)
    assert path == "defaults.zeros"
    assert line == 1
    assert "auto or write" in expected


@pytest.mark.parametrize(
    ("line", "path", "message"),
    [
        ("defaults: 5", "defaults", "expected a section"),
        ("defaults: {snapshot: {tag: {}}}", "defaults.snapshot.tag", "did you mean tags?"),
        ("defaults: {sorce: {}}", "defaults.sorce", "did you mean source?"),
        ("vars: {a b: c}", "vars['a b']", "a name of letters"),
        ("vars: {a: [b]}", "vars.a", "expected text"),
        ("vars: [a]", "vars", "expected a section"),
        ("name: ${host", "name", "`${` has no `}`"),
        ("name: ${hots}", "name", "did you mean `${host}`?"),
        ("name: ${name}", "name", "known only where"),
        ("name: ${var.x}", "name", "unknown variable var.x"),
        ("name: ${env.NOT_SET_HERE}", "name", "the environment has no variable NOT_SET_HERE"),
        ("name: ${env.AWS_SECRET_ACCESS_KEY}", "name", "AWS chain"),
        ("name: ${a b}", "name", "of no such name"),
        ("parallel: ${var.many}", "parallel", "unknown variable"),
    ],
)
def test_a_mistake_is_placed_and_says_what_was_expected(problems, line, path, message):
    job = f"version: 1\nvolumes:\n  - source: a.img\n{line}\n"
    ((found, number, expected),) = problems(
        job, environ={"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENG"}
    )
    assert (found, number) == (path, 4)
    assert message in expected


@pytest.mark.parametrize(
    ("volume", "path"),
    [
        ("{source: 'x${source.name}'}", "source.path"),
        ("{source: a, name: 'x${name}'}", "name"),
        ("{source: {sample: 9MiB}, name: '${source.stem}'}", "name"),
        ("{source: a, snapshot: {description: '${nmae}'}}", "snapshot.description"),
    ],
)
def test_what_a_volume_does_not_have_yet_cannot_be_referred_to(problems, volume, path):
    job = f"version: 1\nendpoint: embedded\nvolumes:\n  - {volume}\n"
    ((found, line, _),) = problems(job)
    assert (found, line) == (f"volumes[0].{path}", 4)


def test_values_are_what_their_keys_take(load):
    job = """\
version: 1
vars: {n: 3, w: 1MiB, yes: true, zeros: skip}
parallel: ${var.n}
tuning: {window: "${var.w}"}
volumes:
  - source: {path: a, allow_mounted: "${var.yes}"}
    zeros: ${var.zeros}
    snapshot: {volume_size_gib: "${env.SIZE}", tags: {N: "${var.n}"}}
"""
    found = load(job, environ={"SIZE": "1TiB"}).settings
    (volume,) = found.volumes
    assert (found.parallel, found.tuning.window_bytes) == (3, 1 << 20)
    assert (volume.source.allow_mounted, volume.zeros) == (True, "skip")
    assert volume.snapshot.volume_size_gib == 1024
    assert volume.snapshot.tags == {"N": "3"}


def built(volumes, inputs, environ=None, **more):
    data = {"version": 1, "volumes": volumes, **more}
    return build(Document(None, data=data), [], environ=environ or {}, inputs=inputs).settings


def test_set_wins_over_the_files_variables():
    volumes = [{"source": "a", "name": "${var.n}"}]
    assert built(volumes, Inputs({"n": "set"}), vars={"n": "file"}).volumes[0].label == "set"
    assert built(volumes, Inputs({"n": "set"})).volumes[0].label == "set"


def test_set_of_what_nothing_refers_to_is_a_slip():
    with pytest.raises(ConfigError, match=r"--set: the job has no \$\{var.nn\}"):
        built([{"source": "a"}], Inputs({"nn": "x"}), vars={"n": "1"})


def test_the_date_of_a_job_can_be_that_of_its_first_run():
    volumes = [{"source": "a", "snapshot": {"description": "${date}"}}]
    found = built(volumes, Inputs(date="2026-01-31"))
    assert found.volumes[0].snapshot.description == "2026-01-31"


def test_flags_and_environment_are_taken_as_they_are(load):
    found = load("version: 1\nvolumes: [{source: a}]", environ={"BULKPUT_STATE_DIR": "/s/${host}"})
    assert str(found.settings.state_dir) == "/s/${host}"


def test_what_is_put_in_is_not_looked_at_again(load, tmp_path):
    job = "version: 1\nvolumes: [{source: '${env.P}/$${x}', name: '${source.name}'}]"
    (volume,) = load(
        job.replace(", name: '${source.name}'", ""), environ={"P": "${host}"}
    ).settings.volumes
    assert volume.source.path == tmp_path / "${host}/${x}"


def test_what_show_prints_of_a_dollar_sign_is_the_same_job_again(load, write):
    loaded = load("version: 1\nvolumes: [{source: a, snapshot: {description: 'a $${b} $$ $'}}]")
    assert loaded.settings.volumes[0].snapshot.description == "a ${b} $$ $"
    assert load(shown(loaded)).settings.volumes == loaded.settings.volumes


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="${}ahost.env \n", max_size=20), st.text(max_size=5))
def test_any_text_is_substituted_or_refused(text, host):
    variables = Variables({"host": host}, {}, {})
    try:
        result = substituted(text, variables)
    except VariableError:
        result = None
    assert "${" in text or result == text


@pytest.mark.parametrize("value", ["abc${var", "${name}", "[${name}]", "1", "$${x}"])
def test_a_volume_that_is_no_section_is_refused_as_it_stands(value):
    for listed in ([value], [value, {"source": "a"}], [[value]]):
        data = {"version": 1, "volumes": listed}
        with pytest.raises(ConfigError, match=r"volumes\[0\]: expected a section"):
            build(Document(None, data=data), [], environ={})
