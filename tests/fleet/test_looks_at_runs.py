"""`bulkput fleet status` and `cancel`: runs of this version and others, addresses of all kinds."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from support.fleet_driver import Actor

from bulkput import __version__
from bulkput.cli.fleet_look import cancel, status
from bulkput.fleet import state
from bulkput.fleet.mailbox import Mailbox
from bulkput.fleet.node import Node
from bulkput.model.errors import ConfigError, UsageError

OTHERS = [
    (SimpleNamespace(status=lambda: {"job": "x", "version": "0.0.9", "running": [{}]}), "0.0.9"),
    (SimpleNamespace(status=lambda: {"job": "moved", "running": [{"volume": "x"}]}), "another"),
    (SimpleNamespace(answer=dict), "another"),
]


@pytest.fixture
def runs(monkeypatch):
    """Return a cluster's runs, by the ids of their jobs."""
    found = {}

    async def all_of():
        return {run: Actor(actor) for run, actor in found.items()}

    async def nodes():
        return [Node("id", "db", "10.0.0.1", {})]

    @contextlib.asynccontextmanager
    async def opened(*_):
        yield SimpleNamespace(runs=all_of, nodes=nodes)

    monkeypatch.setattr(state, "open_cluster", opened)
    return found


def running(volume):
    return {
        "volume": volume,
        "host": "db",
        "phase": "uploading",
        "fraction": 0.5,
        "snapshot_id": "snap-1",
    }


@pytest.mark.parametrize(("other", "version"), OTHERS)
def test_a_run_of_another_version_is_named_beside_those_of_this_one(runs, other, version):
    runs["other"], runs["ours"] = other, Mailbox("copied")
    runs["ours"].exchange({"running": [running("disk")], "volumes": {"running": 1}})
    shown = CliRunner().invoke(status)
    assert shown.exit_code == 0, shown.exception
    assert ["copied", "disk", "db", "uploading", "50.0%", "snap-1"] in [
        line.split() for line in shown.stdout.splitlines()
    ]
    (line,) = [each for each in shown.stderr.splitlines() if "(other)" in each]
    assert version in line
    assert f"this is {__version__}" in line
    assert "copied (ours): 1 running" in shown.stderr


@pytest.mark.parametrize(("other", "version"), OTHERS)
def test_a_run_of_another_version_is_left_to_that(runs, other, version):
    runs["other"] = other
    with pytest.raises(ConfigError, match=rf"\(other\) is of .*{version}.* by SIGTERM"):
        asyncio.run(state.cancel_runs("auto", None, print))


@pytest.mark.parametrize("verb", [status, cancel])
@pytest.mark.parametrize("address", ["", "localhost", "http://h:1", "local", "h:0", "h:65536"])
def test_what_is_no_address_of_a_cluster_is_refused(runs, verb, address):
    error = CliRunner().invoke(verb, ["--address", address]).exception
    assert isinstance(error, UsageError)
    assert "--address: expected auto, HOST:PORT" in str(error)


@pytest.mark.parametrize("address", ["auto", "h:1", "ray://h:65535"])
def test_addresses_of_clusters_are_taken(runs, address):
    assert CliRunner().invoke(status, ["--address", address]).exit_code == 0
