"""A disk behind a web server, and nothing that waits."""

import random

import pytest
from support.remote import RangeServer

from bulkput.source.open import open_source
from bulkput.source.remote import object as remote_object

BLOCK = 524_288


@pytest.fixture(scope="session")
def disk():
    noise = random.Random(11)
    return noise.randbytes(3 * BLOCK) + bytes(2 * BLOCK) + noise.randbytes(BLOCK // 2)


@pytest.fixture
def web(disk):
    server = RangeServer(disk)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that would have been waited."""
    waited = []
    monkeypatch.setattr(remote_object, "pause_thread", waited.append)
    return waited


@pytest.fixture
def opened():
    sources = []

    def open_one(address, **choices):
        sources.append(open_source(address, **choices))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()


@pytest.fixture
def content():
    """Return the whole disk of a source."""

    def read(source, window_blocks=2):
        disk = bytearray()
        for start, stop in source.extents():
            for first in range(start, stop, window_blocks):
                count = min(window_blocks, stop - first)
                window = source.read_window(first, count)
                for index in range(first, first + count):
                    disk += window.block(index)
        source.check_complete()
        return bytes(disk)

    return read
