"""Hosts of a real cluster on this machine, and disks for a job of theirs."""

import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from faults.emulated import PUT, emulated
from support.namespaces import namespaces
from support.ray_hosts import ray_hosts
from support.s3_server import s3_server

BLOCK = 524_288


@pytest.fixture
def disks(tmp_path):
    """Return a function that makes disks of so many blocks, and a job of them."""

    def make(counts, **more):
        chance = random.Random(4)
        lines = ["version: 1", "name: moved", "volumes:"]
        for number, count in enumerate(counts):
            path = tmp_path / f"disk-{number:02}.img"
            with path.open("wb") as disk:
                for index in range(0, count, more.get("stride", 1)):
                    disk.seek(index * BLOCK)
                    disk.write(chance.randbytes(BLOCK))
                disk.truncate(count * BLOCK)
            lines += [f"  - source: {path}", *more.get("of_volume", ())]
        job = tmp_path / "job.yaml"
        job.write_text("\n".join([*more.get("of_job", ()), *lines]) + "\n")
        return job, sorted(tmp_path.glob("disk-*.img"))

    return make


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts an emulator; when its puts were answered is at hand."""
    stack = []

    def start(root=tmp_path / "emulator", **options):
        context = emulated(root, **options)
        server = context.__enter__()
        stack.append(context)
        server.answered_s = []
        note = server.emulator.stats.answered

        def noted(operation, status, code):
            if operation == PUT:
                server.answered_s.append((time.monotonic(), status))
            note(operation, status, code)

        server.emulator.stats.answered = noted
        return server

    yield start
    for context in stack:
        context.__exit__(None, None, None)


@pytest.fixture
def in_memory(tmp_path):
    """Return a folder in memory, or another one where there is none.

    An emulator that writes to a disk stands still for half a second at a time while others write
    back, and what was sent meanwhile comes all at once.
    """
    parent = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="bulkput-", dir=parent) as folder:
        yield Path(folder)


@pytest.fixture
def fleet(tmp_path):
    """Return a function that starts hosts of these names."""
    stack = []

    def start(server, *names, network=None):
        s3 = s3_server() if network is None else s3_server(host=network.services)
        stack.append(s3)
        context = ray_hosts(tmp_path, server, s3.__enter__(), network)
        hosts = context.__enter__()
        stack.append(context)
        for name in names:
            hosts.start_host(name, f"rack={name}")
        return hosts

    yield start
    for context in reversed(stack):
        context.__exit__(None, None, None)


@pytest.fixture
def network():
    """Return networks of three hosts, each with two links."""
    try:
        with namespaces("a", "b", "c") as made:
            yield made
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", error)
        pytest.skip(f"this kernel or user has no network namespaces: {why}")


@pytest.fixture
def check():
    """Return what compares a snapshot with its source, by the emulator's own store."""

    def compare(server, snapshot_id, path):
        assert server.state(snapshot_id)[0] == "completed"
        blocks = path.stat().st_size // BLOCK
        client = server.client("ebs")
        listed = client.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=10_000)["Blocks"]
        assert [each["BlockIndex"] for each in listed] == list(range(blocks))
        with path.open("rb") as disk:
            for each in listed:
                answer = client.get_snapshot_block(
                    SnapshotId=snapshot_id,
                    BlockIndex=each["BlockIndex"],
                    BlockToken=each["BlockToken"],
                )
                assert answer["BlockData"].read() == disk.read(BLOCK)

    return compare


def per_second(answered_s):
    """Return how many puts were accepted in each whole second, first and last left out."""
    counts = Counter(int(at_s) for at_s, status in answered_s if status == 201)
    return [counts[second] for second in range(min(counts) + 1, max(counts))]
