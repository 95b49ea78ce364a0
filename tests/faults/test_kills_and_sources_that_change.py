"""The real program is killed at any moment, and its source is written to before it runs again."""

import contextlib
import json
import mmap
import os
import random
import subprocess
import tempfile
from pathlib import Path

import pytest
from faults.emulated import COMPLETE, until
from support.loops import loop_devices
from support.whole import BLOCK

BLOCKS = 24


@contextlib.contextmanager
def file_on_tmpfs():
    """Give a file, and a way to write to it that touches none of its times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "disk.img"
        path.write_bytes(random.Random(1).randbytes(BLOCKS * BLOCK))
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
            for index in range(BLOCKS):  # faulted in: stores are not noticed from here on
                content[index * BLOCK] ^= 1

            def write(index, block):
                content[index * BLOCK : (index + 1) * BLOCK] = block

            yield path, write


@contextlib.contextmanager
def loop_device():
    with tempfile.TemporaryDirectory() as folder, loop_devices() as attach:
        image = Path(folder) / "disk.img"
        image.write_bytes(random.Random(1).randbytes(BLOCKS * BLOCK))
        device = Path(attach(image))

        def write(index, block):
            descriptor = os.open(device, os.O_WRONLY | os.O_SYNC)
            os.pwrite(descriptor, block, index * BLOCK)
            os.close(descriptor)

        yield device, write


@contextlib.contextmanager
def standard_input():
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "disk.img"
        image.write_bytes(random.Random(1).randbytes(BLOCKS * BLOCK))

        def write(index, block):
            with image.open("r+b") as file:
                os.pwrite(file.fileno(), block, index * BLOCK)

        yield image, write


def content_of(server, snapshot_id):
    """Return what the snapshot shows, block by block, as boto3 reads it."""
    ebs = server.client("ebs")
    found = [bytes(BLOCK)] * BLOCKS
    for block in ebs.list_snapshot_blocks(SnapshotId=snapshot_id)["Blocks"]:
        answer = ebs.get_snapshot_block(SnapshotId=snapshot_id, **block)
        found[block["BlockIndex"]] = answer["BlockData"].read()
    return b"".join(found)


SOURCES = {
    "file on tmpfs": file_on_tmpfs,
    "loop device": loop_device,
    "standard input": standard_input,
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_result_is_the_source_as_the_run_found_it(name, live, bulkput):
    server = live(latency_ms=10, completion_delay_s=0.4)
    program = bulkput(server, in_flight_max=4)
    chance = random.Random(name)
    with SOURCES[name]() as (path, write):

        @contextlib.contextmanager
        def started():
            if name == "standard input":
                with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
                    arguments = ("upload", "-", "--volume-size-gib", "1")
                    with program.start(*arguments, stdin=cat.stdout) as running:
                        cat.stdout.close()
                        yield running
                    cat.kill()
            else:
                with program.start("upload", path, "--allow-mounted") as running:
                    yield running

        for number in range(5):
            stored, seals = server.stored, server.count(COMPLETE)
            with started() as running:
                if number == 1:  # while it puts; else while it waits for the snapshot's end
                    until(lambda stored=stored: server.stored >= stored + 5)
                else:
                    until(
                        lambda seals=seals, running=running: (
                            server.count(COMPLETE) > seals or running.poll() is not None
                        )
                    )
                running.kill()
                running.communicate()
            write(chance.randrange(BLOCKS), chance.randbytes(BLOCK))
        with started() as running:
            out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        result = json.loads(out)
        assert content_of(server, result["snapshot_id"]) == path.read_bytes()
        assert result["earlier_snapshots"]
        for snapshot_id in result["earlier_snapshots"]:
            assert snapshot_id in err
