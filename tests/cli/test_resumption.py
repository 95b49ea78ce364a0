"""Who is interrupted is shown the command that goes on."""

import sys

import pytest

from bulkput.cli.main import cli, status_of
from bulkput.cli.resumption import report_resumption
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


@pytest.mark.parametrize("status", [5, 130, 143])
def test_an_upload_that_may_go_on_names_its_command(status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/x/bulkput", "upload", "/data/my disk.img", "--quiet"])
    report_resumption(status)
    assert capsys.readouterr().err == "resume with: bulkput upload '/data/my disk.img' --quiet\n"


@pytest.mark.parametrize("status", [5, 130, 143])
def test_a_run_of_a_fleet_that_may_go_on_names_its_command(status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/x/bulkput", "fleet", "run", "job.yaml"])
    report_resumption(status)
    assert capsys.readouterr().err == "resume with: bulkput fleet run job.yaml\n"


@pytest.mark.parametrize(
    ("verb", "status"),
    [("run", 4), ("run", 0), ("emulator", 143), ("fleet host", 143), ("fleet", 5)],
)
def test_nothing_is_named_where_nothing_goes_on(verb, status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", *verb.split(), "x"])
    report_resumption(status)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("status", [3, 4, 6, 9, 10])
@pytest.mark.parametrize("verb", ["upload", "run", "copy"])
def test_a_snapshot_that_waits_is_named_with_its_command(verb, status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", verb, "x"])
    report_resumption(status, "snap-1")
    message = capsys.readouterr().err
    assert "snap-1 stays pending and keeps what was put" in message
    assert f"resume with: bulkput {verb} x" in message


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("sealing", "snap-1 is uploaded, and sealed or about to be. When"),
        ("completed", "snap-1 is completed. When"),
        ("failed", "When"),
        ("", "When"),
    ],
)
def test_what_is_said_of_a_snapshot_is_true_of_its_phase(phase, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", "upload", "x"])
    report_resumption(4, "snap-1", phase=phase)
    assert capsys.readouterr().err.startswith(words)


@pytest.mark.parametrize("verb", ["download", "copy"])
def test_a_snapshot_that_is_read_is_not_called_pending(verb, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", verb, "snap-1"])
    error = ServiceError(
        "DescribeSnapshots", FailureClass.ACCESS_DENIED, "no", snapshot_id="snap-1"
    )

    def refuse(_):
        raise error

    monkeypatch.setattr(cli, "invoke", refuse)
    assert status_of([verb, "snap-1"]) == 4
    message = capsys.readouterr().err
    assert "pending" not in message
    assert f"When the cause is mended,\nresume with: bulkput {verb} snap-1\n" in message


def test_a_copy_that_is_interrupted_names_its_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", "copy", "snap-1"])
    report_resumption(130)
    assert capsys.readouterr().err == "resume with: bulkput copy snap-1\n"
