"""What a download left behind, and the two snapshots that the tests of downloads share."""

import errno
import os
import subprocess
import time

from support.program import ForkedProgram
from support.served import BLOCK

from bulkput.ledger.record import RECORD_SIZE_BYTES
from bulkput.ledger.table_header import HEAD_SIZE_BYTES

GIB = 1 << 30
OLDER = {0: b"a" * BLOCK, 1: b"b" * BLOCK, 3: bytes(BLOCK), 5: b"f" * BLOCK, 2047: b"z" * BLOCK}
CHANGES = {1: b"B" * BLOCK, 5: bytes(BLOCK), 7: b"h" * BLOCK}
NEWER = OLDER | CHANGES


def assert_holds(path, blocks, size_bytes=GIB):
    """Compare a file or device with blocks, and all between with zeros."""
    fd = os.open(path, os.O_RDONLY)
    try:
        assert os.lseek(fd, 0, os.SEEK_END) == size_bytes
        for index in sorted(set(blocks) | data_blocks(fd, size_bytes)):
            found = os.pread(fd, BLOCK, index * BLOCK)
            assert found == blocks.get(index, bytes(BLOCK))[: len(found)], f"block {index}"
    finally:
        os.close(fd)


def data_blocks(fd, size_bytes):
    """Return the blocks that are no holes; all of a device."""
    found, at = set(), 0
    try:
        while at < size_bytes:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found |= set(range(start // BLOCK, -(-at // BLOCK)))
    except OSError as error:
        if error.errno != errno.ENXIO:
            return set(range(-(-size_bytes // BLOCK)))
    return found


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def start(*args):
    return ForkedProgram(
        ["download", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def settled_count(state_dir):
    """Return how many blocks the download in ``state_dir`` has marked."""
    for path in state_dir.glob("downloads/*/settled"):
        content = path.read_bytes()[HEAD_SIZE_BYTES:]
        return sum(content[at] != 0 for at in range(32, len(content), RECORD_SIZE_BYTES))
    return 0


def wait_until(holds, limit_s=60):
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)
