"""The library called in this process, against an emulator on a socket."""

import random

import pytest
from support.served import BLOCK, Served

from bulkput import TuningSettings, UploadOptions


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    running = Served(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()


@pytest.fixture
def account(served, monkeypatch, tmp_path):
    """Keys in the environment, as the AWS chain finds them; no variable of bulkput's own."""
    for name, value in served.environment(tmp_path).items():
        if not name.startswith("BULKPUT_"):
            monkeypatch.setenv(name, value)
    return served


@pytest.fixture
def image(tmp_path):
    """Make an image of random blocks, ``None`` standing for a hole."""

    def make(name="disk.img", blocks=8, seed=1):
        path = tmp_path / name
        path.write_bytes(random.Random(f"{name}{seed}").randbytes(blocks * BLOCK))
        return path

    return make


@pytest.fixture
def options(account, tmp_path):
    """Return the options of an upload to the emulator."""

    def of(source, *, rate_puts_per_s=None, **more):
        tuning = TuningSettings(
            puts_per_s_snapshot=rate_puts_per_s, window=BLOCK, shutdown_grace="1s"
        )
        more = {"state_dir": tmp_path / "state", "tuning": tuning} | more
        return UploadOptions(source, region="us-east-1", endpoint_url=account.url, **more)

    return of
