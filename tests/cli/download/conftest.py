"""A server with two snapshots, and places to download them to."""

import pytest
from support.downloads import CHANGES, OLDER
from support.loops import loop_devices
from support.served import Served
from support.snapshots import make_snapshot


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a server that has an older snapshot and its child, which no test may change."""
    served = Served(tmp_path_factory.mktemp("download") / "served")
    served.older = make_snapshot(served.url, OLDER)
    served.newer = make_snapshot(served.url, CHANGES, ParentSnapshotId=served.older)
    yield served
    served.stop()


@pytest.fixture
def service(served, state_dir, monkeypatch):
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    served.emulator.faults.clear()
    return served


@pytest.fixture
def attach_loop():
    with loop_devices() as attach:
        yield attach


@pytest.fixture
def older_file(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", service.older, path).status == 0
    return path
