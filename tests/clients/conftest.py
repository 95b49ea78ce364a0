"""Clients that others wrote, each as one program: ``upload IMAGE`` and ``download SNAPSHOT FILE``.

What they need is installed below pytest's temporary folder, never in the repository; a client
whose tools are not at hand is skipped with the reason.
"""

import os
import random
import sys

import clients.aws_cli
import clients.coldsnap
import clients.go_sdk
import clients.javascript_sdk
import pytest
from support.whole import BLOCK, ENVIRONMENT, Program, Server

VOLUME_SIZE_GIB = 5
CLIENTS = {
    "aws-cli": clients.aws_cli.install,
    "coldsnap": clients.coldsnap.install,
    "go": clients.go_sdk.install,
    "javascript": clients.javascript_sdk.install,
}


@pytest.fixture
def image(installed, tmp_path):
    """Return a sparse file of the client's blocks: one in 37 has data, and those at each edge."""
    path = tmp_path / "disk.img"
    blocks = installed.blocks
    source = random.Random(blocks)
    edges = {0, 1, 9_999, 10_000, 10_001, blocks - 1}
    with path.open("wb") as file:
        file.truncate(blocks * BLOCK)
        for index in sorted(edges.intersection(range(blocks)) | set(range(0, blocks, 37))):
            file.seek(index * BLOCK)
            file.write(source.randbytes(BLOCK))
    return path


@pytest.fixture
def server(tmp_path):
    """Return an emulator without a limit of puts."""
    flags = ("--puts-per-s-snapshot", "0", "--puts-per-s-account", "0")
    with Server(tmp_path / "root", flags) as server:
        yield server


@pytest.fixture
def program(server, tmp_path):
    """Return our program."""
    return Program(server, tmp_path / "state", ENVIRONMENT | {"HOME": str(tmp_path)})


@pytest.fixture(scope="session", params=CLIENTS)
def installed(request, tmp_path_factory):
    """Return a client's command, once for all of its tests."""
    install = CLIENTS[request.param]
    return install(tmp_path_factory.mktemp(request.param))


@pytest.fixture
def client(installed, server, tmp_path, capsys):
    """Return the client, led to the emulator."""
    with capsys.disabled():
        sys.stdout.write(f"\n{installed.version}\n")
    environment = ENVIRONMENT | {
        "HOME": os.environ.get("HOME", str(tmp_path)),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url,
    }
    return installed.bound_to(environment, server.url)
