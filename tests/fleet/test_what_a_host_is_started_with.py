"""`bulkput fleet host` with wrong flags: one sentence, and Ray is not started."""

import pytest
from click.testing import CliRunner

from bulkput.cli.fleet_host import host
from bulkput.model.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "one of --head and --address"),
        (["--head", "--address", "h:1"], "one of --head and --address"),
        *((["--head", "--port", port], "--port: expected") for port in ("0", "65536", "-1")),
        *((["--head", "--port", port], "Ray's own") for port in ("10001", "19999")),
        (["--head", "--label", "rack"], "expected KEY=VALUE"),
        (["--head", "--name", "a b"], "--name: "),
    ],
)
def test_wrong_flags_are_refused(monkeypatch, arguments, expected):
    monkeypatch.setattr("bulkput.fleet.host.become_host", lambda _: pytest.fail("was started"))
    error = CliRunner().invoke(host, arguments).exception
    assert isinstance(error, UsageError)
    assert expected in str(error)


@pytest.mark.parametrize("port", ["1", "6379", "10000", "20000", "65535"])
def test_other_ports_are_taken(monkeypatch, port):
    started = []
    monkeypatch.setattr("bulkput.fleet.host.become_host", started.append)
    assert CliRunner().invoke(host, ["--head", "--port", port]).exit_code == 0
    assert f"--port={port}" in started[0]
