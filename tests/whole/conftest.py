"""One server and one program for each test."""

import pytest
from support.whole import ENVIRONMENT, Program, Server


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "emulator") as running:
        yield running


@pytest.fixture
def program(server, tmp_path):
    return Program(server, tmp_path / "state", dict(ENVIRONMENT, HOME=str(tmp_path)))
