"""``gc --yes`` of a clone beside real uploads: at work, killed, gone on with, and given up.

The clone has the same host, machine id and state path: its processes see another folder there.
"""

import os
import signal
import subprocess
import sys
import time

import boto3
import pytest
from support.served import BLOCK, Served

_UPLOAD = """
import sys
from bulkput.jobs.upload import lease
lease.RENEW_S = 0.1
from bulkput.cli.main import status_of
sys.exit(status_of(sys.argv[1:]))
"""
_COLLECT = """
import importlib, sys
importlib.import_module("bulkput.cli.gc").DELETED_AGE_MIN_S = 0.0
from bulkput.cli.main import status_of
sys.exit(status_of(sys.argv[1:]))
"""
_CLONE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@pytest.fixture
def service(tmp_path, monkeypatch):
    served = Served(tmp_path / "served")
    for name, value in served.environment(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    yield served
    served.stop()


@pytest.fixture
def collect(tmp_path):
    """Return how the clone collects; gives what it wrote to stderr."""
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "clone").mkdir(mode=0o700)
    clone = ["unshare", "-m", "bash", "-c", _CLONE, "clone", tmp_path / "clone", tmp_path / "state"]
    probe = subprocess.run([*clone, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"cannot have a file system of one's own here: {probe.stderr!r}")

    def run():
        words = [sys.executable, "-c", _COLLECT, "gc", "--yes", "--older-than=0s"]
        done = subprocess.run([*clone, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


@pytest.fixture
def start(tmp_path, service):
    """Return how to start an upload; it has renewed its lease when it is given."""
    image = tmp_path / "web.img"
    image.write_bytes(os.urandom(60 * BLOCK))
    job = tmp_path / "job.yaml"
    job.write_text(
        f"version: 1\nstate_dir: {tmp_path / 'state'}\ntuning: {{puts_per_s_snapshot: 1, window: "
        f"{BLOCK}}}\nvolumes:\n- source: {image}\n"
    )
    started = []

    def begin():
        since = int(time.time())
        started.append(subprocess.Popen([sys.executable, "-c", _UPLOAD, "run", job]))
        end_s = time.monotonic() + 60
        while not any(_alive(service, each) >= since for each in service.states()):
            assert started[-1].poll() is None, "it ended"
            assert time.monotonic() < end_s, "no lease was written"
            time.sleep(0.02)
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def _alive(service, snapshot_id):
    if service.states()[snapshot_id] != "pending":
        return 0
    return int(service.tags(snapshot_id)["bulkput"].partition(" alive=")[2] or 0)


def _expire(service, snapshot_id):
    """Let an hour pass for the lease."""
    place, _, _ = service.tags(snapshot_id)["bulkput"].partition(" alive=")
    # A session of its own: the default one keeps the credentials of whatever test made it.
    ec2 = boto3.Session().client("ec2", endpoint_url=service.url, region_name="us-east-1")
    tag = {"Key": "bulkput", "Value": f"{place} alive={time.time() - 3700:.0f}"}
    ec2.create_tags(Resources=[snapshot_id], Tags=[tag])


def test_only_what_nobody_works_on_any_more_is_deleted(service, start, collect):
    upload = start()
    (snapshot_id,) = service.states()
    assert "1 that an upload was at work on" in collect()
    upload.send_signal(signal.SIGKILL)
    assert upload.wait() == -signal.SIGKILL
    assert "1 that an upload was at work on" in collect()
    _expire(service, snapshot_id)
    upload = start()
    assert "1 that an upload was at work on" in collect()
    assert service.states() == {snapshot_id: "pending"}
    upload.kill()
    upload.wait()
    _expire(service, snapshot_id)
    collect()
    assert service.states() == {snapshot_id: "gone"}
