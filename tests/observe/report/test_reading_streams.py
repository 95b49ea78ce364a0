"""Streams that are cut, mixed, damaged or newer: one sentence each, and the rest is taken."""

import json

import pytest
from observe.report.conftest import stories

from bulkput.observe.report.read import Streams
from bulkput.observe.report.series import POINTS_MAX, Series


def read(lines):
    streams = Streams()
    streams.read("events.jsonl", lines)
    return streams


def changed(line, **facts):
    return (json.dumps(json.loads(line) | facts) + "\n").encode()


@pytest.mark.parametrize(
    ("extra", "warning"),
    [
        (b'{"v": 1, "ts": "2026', "the last line is cut off and was left out"),
        (b"no json\n", "1 line is left out: no event"),
        (b"[]\n" * 2, "2 lines are left out: no event"),
        (b"[" * 100_000 + b"\n", "1 line is left out: no event"),
        (b'{"v": 1, "event": "progress", "ts": "yesterday"}\n', "1 line is left out: no event"),
    ],
)
def test_lines_that_are_no_events_are_left_out_with_a_sentence(finished, extra, warning):
    streams = read([*finished.lines, *extra.splitlines(keepends=True)])
    assert streams.warnings == [f"events.jsonl: {warning}"]
    assert streams.runs[0].exit_code == 0


def test_events_and_versions_that_are_not_known_are_left_out(finished):
    line = finished.lines[0]
    newer = [changed(line, event="lane_joined"), changed(line, v=2), changed(line, v=2)]
    streams = read([*finished.lines, *newer])
    assert streams.warnings == [
        "events.jsonl: 1 line is left out: an event that this program does not know (lane_joined)",
        (
            "events.jsonl: 2 lines are left out: of version 2 of the format, which this program "
            "does not know"
        ),
    ]
    assert len(streams.runs) == 1


@pytest.mark.parametrize("lines", [[], [b"\n"]])
def test_an_empty_file_is_named(lines):
    streams = read(lines)
    assert streams.warnings == ["events.jsonl: has no events of a run"]
    assert streams.runs == []


def test_a_stream_whose_begin_is_missing_is_no_run(finished):
    streams = read(finished.lines[1:])
    assert streams.runs == []
    assert "of a run whose begin is missing" in streams.warnings[1]


@pytest.mark.parametrize(
    "facts", [{"puts": None}, {"failures": 7}, {"volume": []}, {"in_flight": "many", "puts": {}}]
)
def test_a_damaged_event_is_left_out(finished, facts):
    number = next(n for n, line in enumerate(finished.lines) if b'"progress"' in line)
    lines = list(finished.lines)
    lines[number] = changed(lines[number], **facts)
    streams = read(lines)
    assert streams.warnings == ["events.jsonl: 1 line is left out: damaged (progress)"]
    assert streams.runs[0].exit_code == 0


@pytest.mark.parametrize(
    "facts",
    [
        {"blocks_per_cell": 0},
        {"blocks_per_cell": -1},
        {"block_count": 10**18},
        {"block_count": -5},
        {"cells": {"data": [1] * 1025}},
        {"cells": {"data": ["x"]}},
        {"cells": {"data": 7}},
        {"cells": None},
    ],
)
def test_a_map_that_no_disk_has_is_left_out(finished, facts):
    number = next(n for n, line in enumerate(finished.lines) if b'"disk_map"' in line)
    lines = list(finished.lines)
    lines[number] = changed(lines[number], **facts)
    streams = read(lines)
    assert streams.warnings == ["events.jsonl: 1 line is left out: damaged (disk_map)"]
    assert streams.runs[0].volumes["web-01"].disk is None


@pytest.mark.parametrize(
    "published", [5, {"copies": [1]}, {"fast_restore": "x"}, {"shared_with": 7}]
)
def test_an_outcome_that_no_volume_has_is_left_out(finished, published):
    number = next(n for n, line in enumerate(finished.lines) if b'"volume_ended"' in line)
    lines = list(finished.lines)
    outcome = json.loads(lines[number])["outcome"] | {"published": published}
    lines[number] = changed(lines[number], outcome=outcome)
    assert read(lines).warnings == ["events.jsonl: 1 line is left out: damaged (volume_ended)"]


def test_two_runs_that_wrote_to_one_file_at_once_are_distinguished(scripted):
    runs = [scripted(run=f"aa0{number}", host=f"host-{number}") for number in range(2)]
    for run in runs:
        progress = run.volume()
        run.put(progress, 10, seconds=3)
        run.end_volume(progress)
        run.end()
    mixed = [line for pair in zip(*(run.lines for run in runs), strict=True) for line in pair]
    found = read(mixed).runs
    assert [run.host for run in found] == ["host-0", "host-1"]
    assert [run.volumes["web-01"].progress["blocks"]["put"] for run in found] == [30, 30]


def test_lines_of_a_program_that_did_not_name_runs_belong_to_the_last_begin(finished):
    lines = []
    for line in finished.lines:
        record = json.loads(line)
        del record["run"]
        lines.append((json.dumps(record) + "\n").encode())
    (run,) = read(lines).runs
    assert run.volumes["web-01"].progress["blocks"]["put"] == 1000


def test_a_run_of_days_has_as_many_points_as_one_of_minutes(finished):
    (run,) = stories(finished)
    record = run.volumes["web-01"].progress
    series = Series()
    series.begin(0.0)
    for second in range(1, 10_001):
        failures = {"timeout": second // 10}
        calls = record["puts"] | {"per_s": float(second % 2 * 200)}
        series.add(record | {"puts": calls, "failures": failures}, float(second))
    points = series.points
    assert POINTS_MAX / 3 < len(points) <= POINTS_MAX
    assert sum(point.span_s for point in points) == pytest.approx(10_000)
    assert sum(point.failures.get("timeout", 0) for point in points) == 1000
    assert {round(point.per_s) for point in points[1:-1]} == {100}
    spans = [point.span_s for point in points[1:-1]]
    assert max(spans) == min(spans)


def test_a_note_is_kept_once_and_so_many_in_all(finished):
    notes = [changed(finished.lines[0], event="note", volume="web", text="slow")] * 3
    notes += [
        changed(finished.lines[0], event="note", volume=None, text=f"note {number}")
        for number in range(60)
    ]
    (run,) = read([*finished.lines[:1], *notes]).runs
    assert run.notes[:2] == ["web: slow", "note 0"]
    assert (len(run.notes), run.notes_left_out) == (50, 11)
