"""coldsnap: ``cargo install --locked coldsnap``, many minutes, so it is only looked for."""

import os
import shutil

import pytest
from clients.command import Client, run

VARIABLE = "BULKPUT_COLDSNAP"


def install(folder):
    found = os.environ.get(VARIABLE) or shutil.which("coldsnap")
    if found is None:
        pytest.skip(
            f"coldsnap is neither on the PATH nor in {VARIABLE}: cargo install --locked coldsnap"
        )
    listed = run(["cargo", "install", "--list"]) if shutil.which("cargo") else ""
    known = [line.rstrip(":") for line in listed.splitlines() if line.startswith("coldsnap ")]
    version = known[0] if known else f"coldsnap at {found}"
    flags = ("--no-progress", "--wait")
    return Client(version, (found, "--region", "us-east-1", "--endpoint", "{url}"), flags)
