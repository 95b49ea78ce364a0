"""An emulator, small disks, and the orders to upload them."""

import pytest
from support.fleet_actors import order
from support.served import BLOCK, Served


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return a function that starts an emulator, to which this process and its children go."""
    running = []

    def start(**options):
        server = Served(tmp_path / "emulator", **options)
        running.append(server)
        for name, value in server.environment(tmp_path / "state").items():
            monkeypatch.setenv(name, value)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def disk(tmp_path):
    """Return a function that writes a disk of random blocks."""

    def write(blocks=3, name="disk.img"):
        path = tmp_path / name
        path.write_bytes(b"".join(bytes([1 + index % 255]) * BLOCK for index in range(blocks)))
        return path

    return write


@pytest.fixture
def ordered(tmp_path):
    """Return a function that makes the order for a disk."""

    def make(server, source, client="client-1", *, state="state", store=None, processes=1):
        return order(
            {
                "version": 1,
                "endpoint": server.url,
                "region": "us-east-1",
                "state_dir": str(tmp_path / state),
                **({"state_store": store, "store_interval": "1s"} if store else {}),
                "tuning": {"processes": processes, "hash_workers": 1},
                "volumes": [{"name": source.stem, "source": str(source)}],
            },
            client,
        )

    return make
