"""Who is interrupted is told the command that goes on."""

import sys

import pytest

from bulkput.cli.resumption import tell_resumption


@pytest.mark.parametrize("status", [5, 130, 143])
def test_an_upload_that_may_go_on_names_its_command(status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/x/bulkput", "upload", "/data/my disk.img", "--quiet"])
    tell_resumption(status)
    assert capsys.readouterr().err == "resume with: bulkput upload '/data/my disk.img' --quiet\n"


@pytest.mark.parametrize(("verb", "status"), [("run", 4), ("run", 0), ("emulator", 143)])
def test_nothing_is_named_where_nothing_goes_on(verb, status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bulkput", verb, "x"])
    tell_resumption(status)
    assert capsys.readouterr().err == ""
