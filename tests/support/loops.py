"""Loop devices, where the machine has them."""

import contextlib
import shutil
import subprocess

import pytest


@contextlib.contextmanager
def loop_devices():
    """Give a function that attaches a file as a loop device, or skips the test with the reason."""
    devices = []

    def attach(image, *options):
        if shutil.which("losetup") is None:
            pytest.skip("losetup is not installed")
        command = ["losetup", "--find", "--show", *options, str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no loop device here: {done.stderr.strip()}")
        devices.append(done.stdout.strip())
        return devices[-1]

    try:
        yield attach
    finally:
        for device in devices:
            subprocess.run(["losetup", "--detach", device], check=True)
