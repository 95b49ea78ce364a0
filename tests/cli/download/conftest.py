"""A server with two snapshots, and places to download them to."""

import shutil
import subprocess

import pytest
from support.downloads import CHANGES, OLDER
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
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def service(served, state_dir, monkeypatch):
    for name, value in served.environment(state_dir).items():
        monkeypatch.setenv(name, value)
    served.emulator.faults.clear()
    return served


@pytest.fixture
def attach_loop():
    """Attach a file as a loop device, or skip the test with what the machine said."""
    devices = []

    def attach(image):
        if shutil.which("losetup") is None:
            pytest.skip("losetup is not installed")
        command = ["losetup", "--find", "--show", str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no loop device here: {done.stderr.strip()}")
        devices.append(done.stdout.strip())
        return devices[-1]

    yield attach
    for device in devices:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture
def older_file(bulkput, service, tmp_path):
    path = tmp_path / "disk.img"
    assert bulkput("download", service.older, path).status == 0
    return path
