"""``jobs`` against a real server, after uploads that were cut short."""

import importlib
import json
import os

import pytest
from support.folders import folders

from bulkput.jobs.state.running import OwnRunFile
from bulkput.ledger.lock import FolderLock

jobs_verb = importlib.import_module("bulkput.cli.jobs")


def test_jobs_lists_what_is_unfinished_and_nothing_else(bulkput, cut_short, image, state_dir):
    assert bulkput("upload", image("done.img")).status == 0
    snapshot_id = cut_short("web.img")
    ended = bulkput("jobs")
    head, row = ended.out.splitlines()
    assert (ended.status, ended.err) == (0, "")
    assert head.split()[:3] == ["VOLUME", "SNAPSHOT", "PHASE"]
    assert row.split()[:3] == ["web.img", snapshot_id, "uploading"]
    (job,) = bulkput("jobs", "--output", "json").object["jobs"]
    assert (job["snapshot_id"], job["attempt"], job["held"]) == (snapshot_id, 1, False)
    assert job["percent"] == 100 * job["blocks"]["acknowledged"] / 4
    assert 0 <= job["age_s"] < 60


@pytest.mark.parametrize("form", ["text", "json"])
def test_jobs_of_an_empty_or_missing_state_folder_are_none(bulkput, service, form, tmp_path):
    ended = bulkput("jobs", "--state-dir", tmp_path / "nowhere", "--output", form)
    assert ended.status == 0
    assert ended.out == "" if form == "text" else ended.object["jobs"] == []
    assert not (tmp_path / "nowhere").exists()


def test_jobs_reports_which_process_works_on_an_upload(bulkput, cut_short, state_dir):
    cut_short()
    with FolderLock(folders(state_dir)[0]):
        (job,) = bulkput("jobs", "--output", "json").object["jobs"]
        assert (job["held"], job["held_by"]) == (True, os.getpid())
        assert f"process {os.getpid()}" in bulkput("jobs").out
    assert bulkput("jobs", "--output", "json").object["jobs"][0]["held"] is False


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "ledger.json").write_bytes(b'{"checksum": '),
        lambda folder: (folder / "ledger.json").unlink(),
        lambda folder: (folder / "ledger.json").write_bytes(b"\xff" * 100),
        lambda folder: (folder / "ledger.bin").write_bytes(b"x"),
        lambda folder: (folder / "ledger.bin").unlink(),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_damaged_folder_is_listed_beside_the_others(bulkput, cut_short, state_dir, damage, form):
    cut_short("web.img")
    (damaged,) = folders(state_dir)
    sound = cut_short("other.img")
    damage(damaged)
    ended = bulkput("jobs", "--output", form)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert "web.img" in ended.out
    assert sound in ended.out


def test_a_state_folder_that_is_a_file_is_one_sentence(bulkput, service, image):
    ended = bulkput("jobs", "--state-dir", image())
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.count("\n") == 1


def test_a_path_that_is_no_utf_8_is_shown(bulkput, cut_short, state_dir, tmp_path):
    cut_short(os.fsdecode(b"w\xffb\x1b[31m.img"))
    ended = bulkput("jobs")
    assert ended.status == 0
    assert "\x1b" not in ended.out
    assert "w\\udcffb" in ended.out


def test_the_attempt_counts_the_runs_that_worked_on_the_snapshot(
    bulkput, cut_short, service, image
):
    cut_short("web.img")
    for expected in (1, 2, 3):
        if expected > 1:
            service.fail("PutSnapshotBlock", nth=1)
            assert bulkput("upload", image("web.img")).status == 4
        (job,) = bulkput("jobs", "--output", "json").object["jobs"]
        assert (job["attempt"], job["snapshot_attempt"]) == (expected, 1)
    assert bulkput("jobs").out.splitlines()[1].split()[7] == "3"


def test_what_runs_has_its_rate_its_time_left_and_its_events(bulkput, cut_short, state_dir):
    snapshot_id = cut_short("web.img")
    file = OwnRunFile(state_dir)
    volume = {
        "snapshot_id": snapshot_id,
        "phase": "uploading",
        "puts_per_s": 412.0,
        "mib_per_s": 206.0,
        "left_s": 74.0,
    }
    content = {"process_id": os.getpid(), "events": "/logs/e.jsonl", "volumes": {"web.img": volume}}
    file.write(json.dumps(content).encode())
    with FolderLock(folders(state_dir)[0]):
        row = bulkput("jobs").out.splitlines()[1]
        (job,) = bulkput("jobs", "--output", "json").object["jobs"]
    assert "412 puts/s, 206.0 MiB/s" in row
    assert "1m 14s" in row
    assert row.endswith("/logs/e.jsonl")
    assert job["running"]["left_s"] == 74.0
    (job,) = bulkput("jobs", "--output", "json").object["jobs"]
    assert job["running"] is None, "of a process that was killed"


def test_watching_ends_when_nothing_is_unfinished(bulkput, cut_short, image, monkeypatch):
    cut_short("web.img")
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs_verb, "_pause", pause)
    ended = bulkput("jobs", "--watch")
    assert (ended.status, ended.out.count("VOLUME")) == (0, 2)
    assert bulkput("abort", "--yes", "web.img").status == 0
    pauses.clear()
    ended = bulkput("jobs", "--watch")
    assert (ended.status, pauses) == (0, [])
    assert "nothing is unfinished" in ended.err
