"""The command line called in this process, with a job that does as the test says."""

import dataclasses
import json

import pytest
from support.embedded_thread import start_thread
from support.served import BLOCK, Served

from bulkput.cli import outcomes
from bulkput.cli.main import status_of
from bulkput.model.outcome import VolumeOutcome


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def object(self):
        return json.loads(self.out)


@pytest.fixture
def bulkput(capfd, monkeypatch, tmp_path):
    """Call ``bulkput`` with arguments, in an empty folder without settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("BULKPUT_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def call(*args):
        capfd.readouterr()
        status = status_of([str(arg) for arg in args])
        captured = capfd.readouterr()
        return Ended(status, captured.out, captured.err)

    return call


@pytest.fixture
def settling(monkeypatch):
    """When EC2's lists count as settled, of each copy that was about to begin; nobody waits."""
    asked = []

    async def settle(account):
        asked.append(account.settled_s)
        return False

    monkeypatch.setattr("bulkput.publish.copies.settle", settle)
    return asked


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def service(tmp_path, state_dir, monkeypatch):
    """A real server of this test alone, found by the environment."""
    served = Served(tmp_path / "served")
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    yield served
    served.stop()


@pytest.fixture
def done():
    return VolumeOutcome(
        volume="web-01",
        source="/disks/web.img",
        status="completed",
        snapshot_id="snap-0123456789abcdef0",
        volume_size_gib=1,
        checksum="abc=",
        elapsed_s=2.0,
        blocks={"total": 2048, "put": 48},
        puts={"attempts": 48, "retried": 0, "throttled": 0},
    )


@pytest.fixture
def failed():
    return VolumeOutcome(
        volume="db-02",
        source="/dev/sdb",
        status="failed",
        error="/dev/sdb block 7: cannot be read",
        exit_code=6,
    )


@pytest.fixture
def job_file(tmp_path):
    path = tmp_path / "report.yaml"
    path.write_text("version: 1\nregion: eu-central-1\nvolumes:\n  - source: /disks/web.img\n")
    return path


@pytest.fixture
def job_that(monkeypatch):
    """Make every job return the given outcomes, or raise the given error."""
    seen = []

    def arrange(result):
        def run(settings, verbosity):
            seen.append((settings, verbosity))
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(outcomes, "_run", run)
        return seen

    return arrange


@pytest.fixture
def embedded(monkeypatch):
    """Let runs in this process have the embedded server beside them."""
    monkeypatch.setattr("bulkput.jobs.process.embedded_server.start_child", start_thread)


@pytest.fixture
def job(tmp_path, embedded):
    """A job of three volumes for the embedded server, of which b.img is not there yet."""
    for number, name in enumerate(("a.img", "c.img")):
        (tmp_path / name).write_bytes(bytes([number + 1]) * 2 * BLOCK)
    path = tmp_path / "job.yaml"
    path.write_text(
        "version: 1\nname: move\nendpoint: embedded\nstate_dir: state\n"
        "volumes: [{source: a.img}, {source: b.img}, {source: c.img}]\n"
    )
    return path
