"""One server for each file, and one program for each test."""

import pytest
from support.whole import ENVIRONMENT, Program, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def program(server, tmp_path):
    return Program(server, tmp_path / "state", dict(ENVIRONMENT, HOME=str(tmp_path)))
