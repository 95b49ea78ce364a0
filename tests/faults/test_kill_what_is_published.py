"""Killed right after a call that makes something, the same command finds what was made."""

import subprocess
import time

import pytest
from support.ec2 import Boto
from support.program import ForkedProgram
from support.served import Served

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY

FAR = "eu-west-1"
JOB = f"""
version: 1
volumes:
  - name: root
    source: disk.img
    create_volume: {{availability_zone: us-east-1a}}
    regions: [{{region: {FAR}}}]
images:
  - name: web-1
    architecture: x86_64
    boot_mode: uefi
    contradict_disk: true
    regions: [{{region: {FAR}}}]
"""


@pytest.mark.parametrize(
    "operation",
    [
        "CopySnapshot",
        pytest.param("CreateVolume", marks=pytest.mark.long),
        pytest.param("RegisterImage", marks=pytest.mark.long),
    ],
)
def test_killed_after_a_call_it_makes_nothing_twice(tmp_path, operation):
    served = Served(tmp_path / "served")
    boto = Boto(served.url, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
    snapshot_id = boto.snapshot()
    (tmp_path / "job.yaml").write_text(JOB)
    command = ["publish", "job.yaml", "--snapshot", f"root={snapshot_id}"]
    place = {"cwd": tmp_path, "env": served.environment(tmp_path / "state")}

    def start():
        return ForkedProgram(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **place)

    try:
        with start() as killed:
            while not any(name == operation for name, _, _ in served.emulator.stats.answers):
                assert killed.poll() is None, killed.stderr.read()
                time.sleep(0.001)
            killed.kill()
        with start() as last:
            out, err = last.communicate(timeout=60)
            assert last.returncode == 0, err
        assert out.decode().splitlines()[-1] == boto.images()["web-1"]["ImageId"]
        assert len(boto.made_of(snapshot_id)[1]) == 1
        assert len(boto.made_of(snapshot_id, FAR)[0]) == 1
        assert len(boto.images()) == len(boto.images(FAR)) == 1
    finally:
        served.stop()
