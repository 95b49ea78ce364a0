"""The real program, killed in the middle of an increment, goes on with it."""

import os
import signal
import time
from contextlib import suppress

import pytest
from support.whole import BLOCK, ENVIRONMENT, Program, Server, read_with_boto3, same_content

from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import LedgerError

_BLOCKS = 64
_PARENTS = 8


@pytest.fixture
def program(tmp_path):
    arguments = ("--latency-ms", "40", "--puts-per-s-snapshot", "30")
    with Server(tmp_path / "served", arguments) as server:
        yield Program(server, tmp_path / "state", ENVIRONMENT)


def acknowledged(state_dir, known):
    """Return how many blocks of the upload that is not ``known`` are in its ledger by now."""
    for path in state_dir.glob("*/ledger.bin"):
        if path.parent not in known:
            with suppress(LedgerError), Ledger.view(path.parent) as ledger:
                return ledger.counts().acknowledged
    return 0


def test_an_increment_outlives_its_process(program, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(BLOCK) + os.urandom((_PARENTS - 1) * BLOCK))
    full = program.upload(image)
    known = {path.parent for path in program.state_dir.glob("*/ledger.bin")}
    with image.open("r+b") as disk:
        disk.write(os.urandom(BLOCK))
        disk.seek(_PARENTS * BLOCK)
        disk.write(os.urandom((_BLOCKS - _PARENTS) * BLOCK))
    process = program.start("upload", image, "--parent", full["snapshot_id"])
    while acknowledged(program.state_dir, known) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    child = program.upload(image, "--parent", full["snapshot_id"])
    assert child["parent_snapshot_id"] == full["snapshot_id"]
    assert child["blocks"]["resumed"] >= 5
    assert child["blocks"]["put"] + child["blocks"]["resumed"] == _BLOCKS - _PARENTS + 1
    assert child["blocks"]["unchanged"] == _PARENTS - 1
    read = tmp_path / "read.img"
    read_with_boto3(program.server, child["snapshot_id"], read, _BLOCKS * BLOCK)
    assert same_content(image, read, _BLOCKS * BLOCK)
