"""The report of a run, whatever its end."""

import stat

import pytest

from bulkput.model.events import VolumeStarted
from bulkput.observe.report import sink as sink_module
from bulkput.observe.report.sink import ReportSink
from bulkput.observe.run_events import RunEnded, RunFailed, RunStarted

CANARY = "canary/secret/0123456789"
STARTED = RunStarted(1, "0.1.0", 4711, "host")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "report.html"


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def sink(path, warnings):
    environ = {"AWS_SECRET_ACCESS_KEY": CANARY}
    return ReportSink(path, verb="upload", environ=environ, runs=[], warn=warnings.append)


def test_it_is_there_at_the_end_and_private(sink, path, progress):
    path.write_text("an earlier one")
    path.chmod(0o644)
    sink.on_event(STARTED)
    sink.on_event(VolumeStarted(progress, "/disks/web.img"))
    sink.tick(0.0)
    assert path.read_text() == "an earlier one"
    sink.on_event(RunFailed(f"denied for {CANARY}", 4))
    sink.on_event(RunEnded(4, 1.0))
    sink.close(1.0)
    text = path.read_text()
    assert "denied for ****" in text
    assert CANARY not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_run_that_breaks_off_without_a_word_is_reported_too(sink, path):
    sink.on_event(STARTED)
    sink.close(1.0)
    assert "Not ended, or killed" in path.read_text()


def test_a_report_that_cannot_be_written_is_a_warning(sink, path, warnings):
    sink.on_event(STARTED)
    path.mkdir()
    sink.close(1.0)
    (warning,) = warnings
    assert warning.startswith(f"warning: the report {path} is not written: [Errno 21]")
    assert list(path.parent.iterdir()) == [path]


def test_a_defect_of_the_page_costs_nothing_but_the_page(sink, path, warnings, monkeypatch):
    def render(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(sink_module, "render", render)
    sink.on_event(STARTED)
    sink.close(1.0)
    assert warnings == [f"warning: the report {path} is not written: a defect"]
    assert not path.exists()


def test_runs_of_one_command_are_in_one_page(path):
    runs = []
    for number in range(2):
        sink = ReportSink(path, verb="verify", environ={}, runs=runs, warn=print)
        sink.on_event(RunStarted(1, "0.1.0", 4711, f"host-{number}"))
        sink.on_event(RunEnded(0, 1.0))
        sink.close(1.0)
    assert "bulkput: 2 runs" in path.read_text()
