"""Volumes that nobody wrote down one by one: patterns, tables, programs, disks."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkput.config.document import Document
from bulkput.config.inventory import LINE_LENGTH_MAX, nested, parse_jsonl, read_csv
from bulkput.config.load import build, load_settings
from bulkput.model.errors import ConfigError

HEAD = "source,name,snapshot.tags.Owner,snapshot.volume_size_gib,snapshot.encrypted"
ROW = "a.img,web,Ops,20,true"


@pytest.fixture
def job(tmp_path):
    """Load a job whose volumes come from a table of this content."""

    def load(content, kind="csv", **more):
        table = tmp_path / "inventory"
        table.write_bytes(content if isinstance(content, bytes) else content.encode())
        path = tmp_path / "job.yaml"
        path.write_text(json.dumps({"version": 1, "volumes_from": {kind: "inventory"}, **more}))
        return load_settings(path, environ={}).settings.volumes

    return load


@pytest.fixture
def refusals(job, tmp_path):
    def refused(content, kind="csv", **more):
        with pytest.raises(ConfigError) as caught:
            job(content, kind, **more)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return refused


@pytest.mark.parametrize(
    "content",
    [
        f"{HEAD}\n{ROW}\n",
        f"{HEAD}\n{ROW}",
        f"{HEAD}\r\n{ROW}\r\n",
        f"{HEAD}\r{ROW}\r",
        f"\ufeff{HEAD}\n{ROW}\n",
        f"\n{HEAD}\n\n{ROW}\n,,,,\n\n",
        f"{HEAD},\n{ROW},\n",
        f" {HEAD.replace(',', ' , ')}\n {ROW.replace(',', ' , ')} \n",
        f"{HEAD}\n".replace(",", ";") + ROW.replace(",", ";"),
        f"sep=;\r\n{HEAD}\r\n".replace(",", ";") + ROW.replace(",", ";"),
        f"\ufeffSEP=|\n{HEAD}\n".replace(",", "|") + ROW.replace(",", "|"),
        f"{HEAD}\n".replace(",", "\t") + ROW.replace(",", "\t"),
        f'"{HEAD}"\n'.replace(",", '","') + f'"{ROW}"'.replace(",", '","'),
        f"{HEAD}\n{ROW}\n".encode("utf-16"),
        "\ufeff".encode("utf-16-be") + f"{HEAD}\n{ROW}\n".encode("utf-16-be"),
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(job, tmp_path, content):
    (volume,) = job(content)
    assert (volume.label, volume.source.path) == ("web", tmp_path / "a.img")
    snapshot = volume.snapshot
    assert (snapshot.tags, snapshot.volume_size_gib) == ({"Owner": "Ops"}, 20)
    assert snapshot.encrypted is True


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "inventory: is empty: expected a first row of keys"),
        ("\n \n", "inventory: is empty"),
        (HEAD, "volumes_from.csv: brings no volume"),
        (f"sep=,\n{HEAD}\n{ROW},x\n", "inventory row 3: has more cells than the 5 keys"),
        (f'{HEAD}\n{ROW}\n"a.img,x\n', "inventory row 3: is not valid CSV; a quote is not closed"),
        (f"{HEAD}\n{ROW},more\n", "inventory row 2: has more cells than the 5 keys"),
        (f"source,name,source\n{ROW}\n", "inventory row 1: has the key 'source' twice"),
        (f"source,source.path\n{ROW}\n", "inventory row 1: has the key 'source.path' and a part"),
        (f"{HEAD}\nü.img,,Ö\n".encode("latin-1"), "inventory row 2: is not UTF-8"),
        (f"{HEAD}\n{ROW}\n".encode("utf-16-le"), "inventory row 1: has a NUL character"),
        (b"\xff\xfeabc", "inventory: is not whole UTF-16"),
        ("source,name\n" + "x" * (10 << 20), "inventory row 2: longer than 64 KiB"),
        ("x" * (10 << 20), "inventory row 1: longer than 64 KiB"),
        ("x," * (5 << 20), "inventory row 1: longer than 64 KiB"),
        ("source,size\na.img,5\n", "inventory row 2: size: unknown key"),
        ("name\nweb\n", "inventory row 2: source: is required"),
        ("source,snapshot.volume_size_gib\na.img,big\n", "row 2: snapshot.volume_size_gib: "),
        ("source,snapshot.encrypted\na.img,yes\n", "row 2: snapshot.encrypted: expected true"),
        ("source,name\na,x\nb,x\n", "row 3: name: the same name as inventory row 2: give each"),
        ("source\na\n\na\n", "row 4: name: the same name as inventory row 2"),
        ("source,secret_key\na,wJalrXUtn\n", "row 2: secret_key: is not a key of a job file"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused_with_its_row(refusals, content, message):
    (problem,) = refusals(content)
    assert message in problem
    assert "wJalrXUtn" not in problem


def test_every_wrong_row_is_in_one_report(refusals):
    rows = "source,zeros\na,write\nb,wrote\nc,skip\nd,skipped\n"
    assert [problem.split(":")[0] for problem in refusals(rows)] == [
        "inventory row 3",
        "inventory row 5",
    ]


def test_an_empty_cell_leaves_the_default(job):
    table = "source,snapshot.tags.Owner\na,\nb,me\n"
    first, second = job(table, defaults={"snapshot": {"tags": {"Owner": "all"}}})
    assert first.snapshot.tags == {"Owner": "all"}
    assert second.snapshot.tags == {"Owner": "me"}


def test_tags_keep_their_dots_and_their_zeros(job):
    (volume,) = job("source,snapshot.tags.cost.center,snapshot.tags.Id\na,x,007\n")
    assert volume.snapshot.tags == {"cost.center": "x", "Id": "007"}


def test_a_quoted_cell_may_have_line_feeds(job, refusals):
    (volume,) = job('source,snapshot.description\na,"two\nlines"\n')
    assert volume.snapshot.description == "two\nlines"
    (problem,) = refusals('source,snapshot.description,zeros\na,"two\nlines",\nb,x,no\n')
    assert problem.startswith("inventory row 3: zeros")


def test_json_lines_are_sections(job):
    lines = [
        {"source": "a.img", "snapshot": {"tags": {"A": "1"}, "volume_size_gib": 3}},
        {"source": {"path": "b.img"}, "snapshot.tags.A": "2", "name": None, "zeros": "skip"},
    ]
    first, second = job("\n\n".join(map(json.dumps, lines)), "jsonl")
    assert (first.label, first.snapshot.volume_size_gib) == ("a.img", 3)
    assert (second.label, second.snapshot.tags, second.zeros) == ("b.img", {"A": "2"}, "skip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"source": "a"}\n{', "inventory row 2: is not valid JSON"),
        ("[1]", "inventory row 1: expected a JSON object"),
        ('{"source": "a", "source": "b"}', "inventory row 1: has a key twice"),
        ('{"source": "a", "x": NaN}', "NaN and Infinity are none"),
        ("[" * 60000, "inventory row 1: nested too deeply"),
        ('{"source": "a", "source.path": "b"}', "has the key 'source.path' twice"),
        ('{"source": "a", "snapshot": {"tags": {"A": 5}}}', "row 1: snapshot.tags.A: expected"),
        ("\n", "volumes_from.jsonl: brings no volume"),
        ("x" * (10 << 20), "inventory row 1: longer than 64 KiB"),
    ],
)  # fmt: skip
def test_json_lines_that_cannot_be_are_refused_with_their_row(refusals, content, message):
    (problem,) = refusals(content, "jsonl")
    assert message in problem


def test_a_pattern_brings_its_files_sorted(job, tmp_path, refusals):
    for name in ("b.qcow2", "a.qcow2", "sub/c.qcow2", "x.raw"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "d.qcow2").mkdir()
    assert [v.label for v in job("", "glob", volumes_from={"glob": "*.qcow2"})] == [
        "a.qcow2",
        "b.qcow2",
    ]
    everything = {"glob": "**/*.qcow2"}
    assert len(job("", "glob", volumes_from=everything)) == 3
    named = [{"source": "b.qcow2", "name": "own"}]
    found = job("", "glob", volumes_from=[everything], volumes=named)
    assert [v.label for v in found] == ["own", "a.qcow2", "c.qcow2"], "what is named is not doubled"
    (problem,) = refusals("", "glob", volumes_from={"glob": "*.vmdk"})
    assert problem == (
        "line 1: volumes_from.glob: matches no volume; if that may be, write `allow_empty: true`"
    )
    assert job("", "glob", volumes_from={"glob": "*.vmdk", "allow_empty": True}) == ()


def test_two_patterns_that_overlap_are_refused(tmp_path, refusals):
    (tmp_path / "a.img").touch()
    (problem,) = refusals("", volumes_from=[{"glob": "*.img"}, {"glob": "a.*"}])
    assert "the same name as" in problem


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "exactly one of"),
        ({"glob": "a", "csv": "b"}, "exactly one of"),
        ({"globe": "a"}, "unknown key"),
        ({"glob": ""}, "expected text of 1"),
        ({"command": []}, "at least 1"),
        ({"block_devices": {"mounted": True}}, "did you mean unmounted?"),
        ({"csv": "no-file"}, "cannot be read: No such file"),
        ({"csv": "/dev"}, "is a folder"),
        ({"jsonl": "/dev/zero"}, "not a pipe or a device"),
        ("x", "expected a section"),
    ],
)
def test_a_wrong_place_is_refused(section, message):
    with pytest.raises(ConfigError) as caught:
        build(Document(None, data={"version": 1, "volumes_from": section}), [], environ={})
    assert any(message in str(problem) for problem in caught.value.problems)


CELLS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
    max_size=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_that_a_spreadsheet_writes_is_read_back(
    *, tmp_path_factory, rows, separator, encoding, end
):
    path = tmp_path_factory.getbasetemp() / "random.csv"
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    keys = ("source", "name", "snapshot.tags.A")
    writer.writerows([keys, *rows])
    path.write_bytes(text.getvalue().encode(encoding))
    table = read_csv(path, lambda _, cell: cell)
    assert table.problems == []
    expected = [
        nested({key: cell.strip() for key, cell in zip(keys, row, strict=True) if cell.strip()})
        for row in rows
        if any(cell.strip() for cell in row)
    ]
    assert [row.data for row in table.rows] == expected


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_noise_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(content)
    for table in (read_csv(path, lambda _, cell: cell), parse_jsonl(content, "noise")):
        assert all(problem.expected and problem.place for problem in table.problems)


def test_a_row_has_room_for_the_longest_volume():
    assert LINE_LENGTH_MAX > 4095 + 50 * (127 + 255) + 1000
