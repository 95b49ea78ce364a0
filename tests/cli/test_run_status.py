"""``bulkput status --events``: a run of another process or machine, by what it wrote."""

import io
import json
import sys

import pytest

EVENTS = [
    {
        "event": "started",
        "volume_count": 2,
        "process_id": 7,
        "host": "far",
        "volume": None,
        "job": "nightly",
        "job_id": "0a1b2c3d4e5f",
    },
    {"event": "volume_started", "volume": "web", "source": "/disks/web.img"},
    {"event": "progress", "volume": "web", "fraction": 0.4, "snapshot_id": "snap-0a"},
]


@pytest.fixture
def events(tmp_path):
    head = {"v": 1, "ts": "2026-11-28T23:07:08.433Z", "verb": "run"}
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(head | event) + "\n" for event in EVENTS))
    return path


def test_each_volume_has_a_row_and_the_rest_is_counted(bulkput, events):
    ended = bulkput("status", "--events", events)
    assert ended.status == 0, ended.err
    assert [row.split() for row in ended.out.splitlines()] == [
        ["VOLUME", "STATUS", "DONE", "SNAPSHOT", "ERROR"],
        ["web", "running", "40.0%", "snap-0a", "-"],
    ]
    assert "nightly: 1 running, 1 waiting of 2 volumes, begun" in ended.err
    assert "by process 7 on far, last event" in ended.err


def test_it_is_one_object_in_json(bulkput, events):
    found = bulkput("status", "--events", events, "--output=json").object
    assert (found["job"], found["status"], found["exit_code"]) == ("nightly", "running", None)
    assert found["counts"] == {"running": 1, "waiting": 1}
    assert found["volumes"][0]["percent"] == 40.0


def test_the_job_chooses_the_run_by_its_name_its_id_or_its_file(bulkput, events, tmp_path):
    for name in ("nightly", "0a1b2c3d4e5f"):
        assert bulkput("status", name, "--events", events).status == 0
    job = tmp_path / "job.yaml"
    job.write_text("version: 1\nname: nightly\nvolumes: [{source: /disks/web.img}]\n")
    assert bulkput("status", job, "--events", events).status == 0
    ended = bulkput("status", "other", "--events", events)
    assert (ended.status, ended.out) == (2, "")
    assert "has no events of a run of this job" in ended.err


def test_a_folder_of_the_jobs_name_is_not_its_file(bulkput, events, tmp_path):
    (tmp_path / "nightly").mkdir()
    assert bulkput("status", "nightly", "--events", events).status == 0
    ended = bulkput("status", "nightly", "--state-dir", tmp_path)
    assert "no job has the name or id nightly" in ended.err


def test_it_comes_by_standard_input(bulkput, events, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(events.read_bytes())))
    assert "web" in bulkput("status", "--events", "-").out


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "has no events of a run"),
        ("version: 1\n", "has no events of a run"),
        ('{"v": 9, "ts": "x", "event": "started"}\n', "was written by another version of bulkput"),
        ('{"v": 1, "ts": "x", "event": "started"}\n', "is damaged, or no file of events"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_file_of_events_is_refused(bulkput, tmp_path, content, error):
    path = tmp_path / "events.jsonl"
    if content is not None:
        path.write_text(content)
    ended = bulkput("status", "--events", path)
    assert (ended.status, error in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    "field",
    [
        *('"host": 1', '"job": [1]', '"job_id": {}', '"process_id": 1e999', '"process_id": "x"'),
        '"volume_count": "2"',
    ],
)
def test_a_start_whose_fields_cannot_be_is_refused(bulkput, tmp_path, field):
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"v": 1, "ts": "2026-01-01T00:00:00Z", "event": "started", {field}}}\n')
    ended = bulkput("status", "--events", path)
    assert (ended.status, "is damaged, or no file of events" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    "event",
    [
        *('"progress", "fraction": "x", "snapshot_id": null', '"progress", "fraction": 0.5'),
        *('"volume_ended", "outcome": "x"', '"volume_ended", "outcome": {"exit_code": "0"}'),
        *('"volume_ended", "outcome": {"exit_code": 7, "error": [1]}', '"job_ended"'),
        *('"volume_started", "source": 7', '"error", "error": {}', '"job_ended", "exit_code": []'),
    ],
)
def test_an_event_whose_fields_cannot_be_is_refused(bulkput, tmp_path, event):
    path = tmp_path / "events.jsonl"
    head = '{"v": 1, "ts": "2026-01-01T00:00:00Z"'
    path.write_text(f'{head}, "event": "started"}}\n{head}, "volume": "web", "event": {event}}}\n')
    ended = bulkput("status", "--events", path)
    assert (ended.status, "is damaged, or no file of events" in ended.err) == (2, True), ended.err


def test_without_events_the_job_must_be_named(bulkput):
    ended = bulkput("status")
    assert (ended.status, "Missing argument 'JOB'" in ended.err) == (2, True)
