"""A terminal is asked about what does not look like a disk; a script is never asked."""

import json
import random

import pytest

from bulkput.cli import confirm, outcomes
from bulkput.model.exit_code import ExitCode

NOISE = random.Random(3).randbytes(1 << 20)


@pytest.fixture
def terminal(monkeypatch, done):
    """Let somebody sit there, whose answers are given; returns the questions."""
    questions = []
    answers = []

    def ask(text, **_):
        questions.append(text)
        return answers.pop(0)

    monkeypatch.setattr(confirm, "_is_terminal", lambda _: True)
    monkeypatch.setattr(confirm.click, "confirm", ask)
    monkeypatch.setattr(outcomes, "_run", lambda *_: (done,))

    def answer(*given):
        answers[:] = given
        return questions

    return answer


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(NOISE)
    return path


def test_no_is_an_error_and_nothing_runs(bulkput, terminal, disk, monkeypatch):
    monkeypatch.setattr(outcomes, "_run", lambda *_: pytest.fail("it ran"))
    questions = terminal(False)
    ended = bulkput("upload", disk, "--region", "us-east-1")
    assert ended.status == ExitCode.SOURCE
    assert "does not look like a disk" in ended.err
    assert "format: raw" in ended.err
    (question,) = questions
    assert "look compressed or encrypted" in question


def test_yes_goes_on(bulkput, terminal, disk):
    questions = terminal(True)
    assert bulkput("upload", disk, "--region", "us-east-1").status == 0
    assert len(questions) == 1


@pytest.mark.parametrize("how", ["format", "disk", "missing", "pipe"])
def test_nobody_is_asked_where_there_is_no_doubt_or_the_run_reports(bulkput, terminal, disk, how):
    questions = terminal()
    arguments = [disk, "--region", "us-east-1"]
    if how == "format":
        arguments += ["--format", "raw"]
    elif how == "disk":
        disk.write_bytes(NOISE[:510] + b"\x55\xaa" + NOISE[512:])
    elif how == "missing":
        arguments[0] = disk.parent / "no.img"
    else:
        arguments = ["-", "--volume-size-gib", "1", "--region", "us-east-1"]
    assert bulkput("upload", *arguments).status == 0
    assert questions == []


def test_each_volume_of_a_job_is_asked_about(bulkput, terminal, disk, tmp_path):
    questions = terminal(True, True)
    (tmp_path / "job.yaml").write_text(
        "version: 1\nregion: us-east-1\nvolumes:\n"
        "  - {name: a, source: disk.img}\n  - {name: b, source: {path: disk.img, format: raw}}\n"
        "  - {name: c, source: disk.img}\n"
    )
    bulkput("run", tmp_path / "job.yaml")
    assert len(questions) == 2


def test_without_a_terminal_nobody_is_asked(bulkput, disk, monkeypatch, done):
    monkeypatch.setattr(outcomes, "_run", lambda *_: (done,))
    monkeypatch.setattr(confirm.click, "confirm", lambda *_, **__: pytest.fail("asked"))
    assert bulkput("upload", disk, "--region", "us-east-1").status == 0


def test_plan_warns(bulkput, disk):
    ended = bulkput("plan", disk, "--region", "us-east-1", "--output", "json")
    (volume,) = json.loads(ended.out)["volumes"]
    assert ended.status == 0
    assert any("does not look like a disk" in note for note in volume["notes"])
    raw = ("--format", "raw", "--dry-run", "--output", "json")
    ended = bulkput("upload", disk, "--region", "us-east-1", *raw)
    assert json.loads(ended.out)["volumes"][0]["notes"] == []
    assert "does not look like a disk" in bulkput("plan", disk, "--region", "us-east-1").out
