"""A server with snapshots, and a proxy before it that bends its answers."""

import pytest
from support.bending import BendingProxy
from support.loops import loop_devices
from support.served import BLOCK, Served
from support.snapshots import make_snapshot

OLDER = {index: bytes([index + 1]) * BLOCK for index in range(6)} | {2047: b"z" * BLOCK}
CHANGES = {1: b"B" * BLOCK, 9: b"n" * BLOCK}
NEWER = OLDER | CHANGES


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("answers") / "served")
    served.older = make_snapshot(served.url, OLDER)
    served.newer = make_snapshot(served.url, CHANGES, ParentSnapshotId=served.older)
    served.proxy = BendingProxy(served.url)
    yield served
    served.proxy.stop()
    served.stop()


@pytest.fixture
def service(served, state_dir, monkeypatch):
    """The server behind its proxy, which bends nothing yet."""
    environment = served.environment(state_dir) | {"BULKPUT_ENDPOINT": served.proxy.url}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    served.proxy.bends.clear()
    served.proxy.seen.clear()
    return served


@pytest.fixture
def bends(service):
    return service.proxy.bends


@pytest.fixture
def image(tmp_path):
    """The disk that the older snapshot is of."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        for index, block in OLDER.items():
            file.seek(index * BLOCK)
            file.write(block)
    return path


@pytest.fixture
def attach_loop():
    with loop_devices() as attach:
        yield attach
