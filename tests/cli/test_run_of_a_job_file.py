"""``run`` of a job file: a part of it, how a rerun begins, and the file of its result."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest

from bulkput.cli.result_file import ResultFile
from bulkput.cli.streams import ResultNotWrittenError
from bulkput.config.expansion import Inputs
from bulkput.config.load import load_settings
from bulkput.jobs.state.job_round import JobFolders, begin_round
from bulkput.model.errors import SnapshotError
from bulkput.model.interruption import InterruptedBySignal


def result_of(tmp_path):
    return json.loads((tmp_path / "result.json").read_text())


def test_the_result_is_in_a_file_whatever_the_end(bulkput, job_that, job_file, done, tmp_path):
    job_that((done,))
    ended = bulkput("run", job_file, "--result", "result.json", "--output=json")
    assert result_of(tmp_path) == ended.object
    job_that(SnapshotError("snap-0bad", "ended in error"))
    assert bulkput("run", job_file, "--result", "result.json").status == 7
    assert result_of(tmp_path)["exit_code"] == 7
    job_file.write_text("version: 2\n")
    assert bulkput("run", job_file, "--result", "result.json").status == 3
    assert result_of(tmp_path)["status"] == "failed"
    assert [path.name for path in tmp_path.glob("*result.json*")] == ["result.json"]


def test_the_result_goes_through_no_link_that_another_user_has_laid(tmp_path):
    other = tmp_path / "other"
    other.write_text("kept")
    result = ResultFile(tmp_path / "result.json")
    for _ in range(2):
        result._new.symlink_to(other)
        result.write({"a": 1})
    assert other.read_text() == "kept"
    assert result_of(tmp_path) == {"a": 1}
    result._new.symlink_to(other)
    ResultFile(tmp_path / "result.json")
    assert other.read_text() == "kept"


def test_nor_through_one_that_is_laid_at_the_last_moment(tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_text("kept")
    result = ResultFile(tmp_path / "result.json")
    result._new.symlink_to(other)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(ResultNotWrittenError, match="File exists"):
        result.write({"a": 1})
    assert other.read_text() == "kept"


def test_after_a_signal_the_file_has_the_job_and_all_of_its_volumes(
    bulkput, job_that, three, done, tmp_path
):
    interruption = InterruptedBySignal(15)
    ended = dataclasses.replace(done, volume="web-1.img")
    stopped = dataclasses.replace(done, volume="db.img", status="stopped", source="")
    interruption.ended = (stopped, ended)
    job_that(interruption)
    assert bulkput("run", three, "--result", "result.json").status == 143
    found = result_of(tmp_path)
    assert (found["job"], len(found["job_id"]), found["exit_code"]) == ("report", 12, 143)
    assert found["volumes"][0] == ended.as_dict()
    assert [(each["volume"], each["status"]) for each in found["volumes"]] == [
        *(("web-1.img", "completed"), ("web-2.img", "not-started"), ("db.img", "stopped"))
    ]
    assert found["volumes"][1]["exit_code"] == 5
    assert found["volumes"][2]["source"] == "/disks/db.img"


def test_a_result_file_that_cannot_be_is_refused_before_anything_is_done(
    bulkput, job_that, job_file, done
):
    seen = job_that((done,))
    ended = bulkput("run", job_file, "--result", "/no-such-folder/result.json")
    assert (ended.status, seen) == (2, [])
    assert "/no-such-folder/result.json: cannot be written: No such file" in ended.err


@pytest.mark.parametrize("status", [0, 6])
def test_a_result_file_without_room_costs_neither_the_result_on_stdout_nor_the_jobs_code(
    bulkput, job_that, job_file, done, monkeypatch, status
):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bulkput.cli.result_file.os.fsync", full)
    job_that((dataclasses.replace(done, exit_code=status),))
    ended = bulkput("run", job_file, "--result", "result.json")
    result = "" if status else f"{done.snapshot_id}\n"
    assert (ended.status, ended.out) == (status or 10, result)
    assert "written to result.json: No space left on device. When that is mended" in ended.err


@pytest.fixture
def three(job_file):
    volumes = "".join(f"  - source: /disks/{name}.img\n" for name in ("web-1", "web-2", "db"))
    job_file.write_text(f"version: 1\nregion: eu-central-1\nvolumes:\n{volumes}")
    return job_file


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ([], ["web-1.img", "web-2.img", "db.img"]),
        (["--only", "db.img"], ["db.img"]),
        (["--only=web-*"], ["web-1.img", "web-2.img"]),
        (["--only=web-*", "--except=*-1.*"], ["web-2.img"]),
        (["--except=web-?.img"], ["db.img"]),
        (["--only=db.img", "--only=web-1.img"], ["web-1.img", "db.img"]),
    ],
)
def test_a_part_of_a_job_can_be_chosen(bulkput, job_that, three, done, flags, chosen):
    seen = job_that((done,))
    ended = bulkput("run", three, *flags)
    assert ended.status == 0, ended.err
    settings = seen[0][0]
    assert [volume.label for volume in settings.volumes] == chosen
    left_out = [volume.label for volume in settings.request.left_out]
    assert sorted(chosen + left_out) == ["db.img", "web-1.img", "web-2.img"]


@pytest.mark.parametrize("verb", ["run", "plan", "check"])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only=dc.img"], "--only dc.img: no volume of the job has such a name; did you mean db"),
        (["--except=x*"], "--except x*: no volume of the job has such a name"),
        (["--only=db.img", "--except=db.*"], "--except leaves no volume"),
        (["--set=x"], "--set: expected NAME=VALUE"),
        (["--set=x=1", "--set=x=2"], "--set: x is given twice"),
    ],
)
def test_a_choice_that_fits_nothing_is_refused(bulkput, three, verb, flags, message):
    ended = bulkput(verb, three, *flags)
    assert ended.status == 2
    assert message in ended.err


def test_the_flags_of_the_schedule_override_the_file(bulkput, job_that, three, done):
    seen = job_that((done,))
    flags = ["--parallel=3", "--order=size-desc", "--on-error=stop", "--max-duration=6h"]
    assert bulkput("run", three, *flags, "--window=22:00-06:00").status == 0
    found = seen[0][0]
    assert (found.parallel, found.order, found.on_error) == (3, "size-desc", "stop")
    assert (found.max_duration_s, str(found.window)) == (6 * 3600, "22:00-06:00")
    ended = bulkput("run", three, "--parallel=0", "--max-duration=x", "--window=22-6")
    assert ended.status == 3
    for flag in ("--parallel", "--max-duration", "--window"):
        assert f"  {flag}: expected" in ended.err


def test_a_job_comes_by_standard_input(bulkput, job_that, three, done, monkeypatch):
    seen = job_that((done,))
    with three.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert bulkput("run", "-").status == 0
    assert len(seen[0][0].volumes) == 3
    assert seen[0][0].request.identity.file == "-"
    with Path("/dev/null").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        ended = bulkput("run", "-")
    assert (ended.status, "standard input: the file is empty" in ended.err) == (3, True)


@pytest.mark.parametrize(
    ("flags", "begin"),
    [([], "auto"), (["--fresh"], "fresh"), (["--rerun-failed"], "rerun")],
)
def test_how_a_rerun_begins_reaches_the_job(bulkput, job_that, three, done, flags, begin):
    seen = job_that((done,))
    bulkput("run", three, *flags)
    assert seen[0][0].request.begin == begin
    assert bulkput("run", three, "--fresh", "--rerun-failed").status == 2


def test_a_part_that_is_run_afresh_keeps_the_date_of_the_others(
    bulkput, job_that, three, done, tmp_path
):
    seen = job_that((done,))
    three.write_text(three.read_text() + "state_dir: state\n")
    job = load_settings(three, environ={}, inputs=Inputs(date="2026-01-31")).settings
    folders = JobFolders(tmp_path / "state", None, "eu-central-1")
    begin_round(job.request, job.volumes, folders, now_unix_s=0.0)
    for flags in ([], ["--fresh", "--only=db.img"], ["--fresh"]):
        assert bulkput("run", three, *flags).status == 0
    dates = [settings.request.date for settings, _ in seen]
    assert dates[:2] == ["2026-01-31"] * 2
    assert dates[2] != "2026-01-31"
