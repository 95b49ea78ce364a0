"""A real server, a state store, several hosts, and uploads that were cut short."""

import importlib
import os

import pytest
from support.s3_server import s3_server
from support.served import BLOCK


@pytest.fixture(autouse=True)
def _age_alone(monkeypatch):
    """Let snapshots of this moment be deleted."""
    module = importlib.import_module("bulkput.cli.gc")  # the package has the command by that name
    monkeypatch.setattr(module, "DELETED_AGE_MIN_S", 0.0)


@pytest.fixture
def image(tmp_path):
    def make(name="web.img", block_count=4):
        path = tmp_path / name
        path.write_bytes(os.urandom(block_count * BLOCK))
        return path

    return make


@pytest.fixture
def cut_short(bulkput, service, image):
    """Upload until a put is refused for good; return the snapshot, which is then pending."""

    def upload(name="web.img", *flags):
        service.fail("PutSnapshotBlock", nth=2)
        before = set(service.states())
        ended = bulkput("upload", image(name), *flags)
        assert ended.status == 4, ended.err
        (snapshot_id,) = set(service.states()) - before
        return snapshot_id

    return upload


@pytest.fixture
def s3(monkeypatch):
    """A state store of this test alone, found by the environment."""
    with s3_server() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def on_host(monkeypatch, tmp_path):
    """Be another host: one with a state folder of its own."""
    return lambda name: monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / name))
