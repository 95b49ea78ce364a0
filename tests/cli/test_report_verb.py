"""``bulkput report``: a page from files of events, of one machine or of several."""

import io
import json
import stat
import sys

import pytest

HEAD = {"v": 1, "ts": "2026-11-28T23:07:08.433Z", "run": "aa01", "verb": "run", "volume": None}
EVENTS = [
    {"event": "started", "volume_count": 1, "process_id": 7, "host": "far", "job": "nightly"},
    {"event": "job_ended", "exit_code": 0, "elapsed_s": 3.0, "dropped": 0},
]


def lines_of(**facts):
    return "".join(json.dumps(HEAD | event | facts) + "\n" for event in EVENTS)


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(lines_of())
    return path


def test_the_page_has_a_name_of_its_own_and_is_private(bulkput, events, tmp_path):
    ended = bulkput("report", events)
    assert (ended.status, ended.out, ended.err) == (0, "bulkput-report.html\n", "")
    made = tmp_path / "bulkput-report.html"
    assert "run of nightly on far" in made.read_text()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_files_of_several_machines_make_one_page(bulkput, events, tmp_path, monkeypatch):
    other = tmp_path / "other.jsonl"
    other.write_text(lines_of(run="bb02", host="near") + '{"v": 1, "ts"')
    third = io.TextIOWrapper(io.BytesIO(lines_of(run="cc03", host="third").encode()))
    monkeypatch.setattr(sys, "stdin", third)
    ended = bulkput("report", events, other, "-", "-o", "all.html", "--output=json")
    assert ended.object == {
        "report": "all.html",
        "runs": 3,
        "warnings": [f"{other}: the last line is cut off and was left out"],
    }
    text = (tmp_path / "all.html").read_text()
    assert "on 3 hosts" in text
    assert "the last line is cut off" in text
    assert "the last line is cut off" in ended.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "no file has events of a run, so there is nothing to report"),
        ("no events\n", "no file has events of a run, so there is nothing to report"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_without_a_run_makes_no_page(bulkput, tmp_path, content, sentence):
    path = tmp_path / "events"
    if content is not None:
        path.write_text(content)
    ended = bulkput("report", path)
    assert ended.status == 2
    assert sentence in ended.err
    assert not (tmp_path / "bulkput-report.html").exists()


def test_a_place_that_cannot_be_written_is_named(bulkput, events):
    ended = bulkput("report", events, "-o", "missing/report.html")
    assert ended.status == 2
    assert "--out missing/report.html: cannot be written: No such file" in ended.err


def test_facts_of_another_kind_than_the_schemas_are_one_sentence(bulkput, events):
    events.write_text(lines_of(volume_count="many"))
    ended = bulkput("report", events)
    assert ended.status == 2
    assert "the files of events are damaged: no report can be made of them" in ended.err


@pytest.mark.parametrize("verb", ["report", "upload"])
def test_without_the_extra_a_sentence_names_it_before_anything_begins(
    bulkput, events, tmp_path, monkeypatch, verb
):
    monkeypatch.delitem(sys.modules, "bulkput.observe.report.page", raising=False)
    monkeypatch.delitem(sys.modules, "bulkput.observe.report.sink", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "bulkput.observe.report.pictures", raising=False)
    monkeypatch.delitem(sys.modules, "bulkput.observe.report.sheet", raising=False)
    monkeypatch.delitem(sys.modules, "bulkput.observe.report.charts", raising=False)
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    arguments = {
        "report": (events,),
        "upload": (disk, "--endpoint-url", "http://127.0.0.1:1", "--report", "x.html"),
    }
    ended = bulkput(verb, *arguments[verb])
    assert ended.status == {"report": 2, "upload": 3}[verb]
    assert "a report needs matplotlib and Jinja2: pip install 'bulkput[report]'" in ended.err
    assert not (tmp_path / "x.html").exists()


def test_a_report_that_cannot_be_written_is_known_before_an_upload(bulkput, tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    ended = bulkput(
        *("upload", disk, "--endpoint-url", "http://127.0.0.1:1", "--report", "missing/x.html")
    )
    assert ended.status == 3
    assert "observe.report: " in ended.err
    assert "missing/x.html cannot be written: No such file" in ended.err
