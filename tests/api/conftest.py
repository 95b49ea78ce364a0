"""The library called in this process, against an emulator on a socket."""

import random
from collections import Counter

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


@pytest.fixture
def before(account):
    """Snapshots of other tests, which do not count."""
    return set(account.states())


@pytest.fixture
def snapshots(account, before):
    """Count the snapshots that this test made, by the names in their tags."""

    def count():
        return Counter(account.tags(each)["Of"] for each in account.states() if each not in before)

    return count


@pytest.fixture
def write(account, image, tmp_path):
    """Write a job of these images; all of it may be changed by ``edit``."""

    def job(*names, edit=lambda text: text):
        for name in names:
            if not (tmp_path / name).exists():
                image(name, blocks=2)
        volumes = "".join(f"  - source: {tmp_path / name}\n" for name in names)
        text = (
            f"version: 1\nregion: us-east-1\nendpoint: {account.url}\nstate_dir: state\n"
            f"tuning: {{window: {BLOCK}}}\n"
            f'defaults: {{snapshot: {{tags: {{Of: "${{source.name}}"}}}}}}\nvolumes:\n{volumes}'
        )
        path = tmp_path / "job.yaml"
        path.write_text(edit(text))
        return path

    return job


@pytest.fixture
def fail(tmp_path):
    """Let ``b.img`` fail so, and return what mends it."""

    def arrange(kind):
        path = tmp_path / "b.img"
        if kind == "a missing file":
            moved = path.rename(tmp_path / "away")
            return lambda: moved.rename(path)
        content = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate((1 << 30) + 1)
        return lambda: path.write_bytes(content)

    return arrange
