"""A real sparse file is written, punched, grown and uploaded by runs that crash and resume; what
the service has at the end of each is compared with a dictionary of blocks."""

import ctypes
import os
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from simulation.contents import ZEROS, number_of, of_any_bytes
from simulation.disk import Disk
from simulation.scripted import Scripted

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.zeros import ZeroPolicy
from bulkput.source.open import open_source

BLOCKS_MAX = 8
_PUNCH_KEEPING_SIZE = 0x02 | 0x01
_libc = ctypes.CDLL(None, use_errno=True)

indexes = st.integers(0, BLOCKS_MAX - 1)
moments = st.integers(1, 130)


class FileDisk(Disk):
    """A file, and the dictionary of what its blocks hold; a block that is not there is a hole."""

    def __init__(self, path):
        self.path = path
        self.size_bytes = 0
        self.held = {}
        super().__init__([], "file")

    def change(self, offset_bytes, content):
        """Write ``content``, within one block."""
        index, start = divmod(offset_bytes, BLOCK_SIZE_BYTES)
        block = bytearray(self.held.get(index) or bytes(BLOCK_SIZE_BYTES))
        block[start : start + len(content)] = content
        self.held[index] = bytes(block)
        with self.path.open("r+b") as file:
            file.seek(offset_bytes)
            file.write(content)
        self.size_bytes = max(self.size_bytes, offset_bytes + len(content))
        self._changed()

    def punch(self, index):
        self.held.pop(index, None)
        with self.path.open("r+b") as file:
            failed = _libc.fallocate(
                file.fileno(),
                _PUNCH_KEEPING_SIZE,
                ctypes.c_long(index * BLOCK_SIZE_BYTES),
                ctypes.c_long(BLOCK_SIZE_BYTES),
            )
            assert not failed, os.strerror(ctypes.get_errno())
        self._changed()

    def grow(self, size_bytes):
        if size_bytes > self.size_bytes:
            os.truncate(self.path, size_bytes)
            self.size_bytes = size_bytes
            self._changed()

    def _changed(self):
        self.version += 1
        # File systems count time in ticks of milliseconds, within which a change would not show.
        os.utime(self.path, ns=(self.version, self.version))
        count = -(-self.size_bytes // BLOCK_SIZE_BYTES)
        self.blocks = [
            number_of(self.held[index]) if index in self.held else None for index in range(count)
        ]


class SparseFile(RuleBasedStateMachine):
    """Whatever is done between and during the runs, a completed snapshot equals the file."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.any_bytes = of_any_bytes()
        self.any_bytes.__enter__()

    @initialize(
        zeros=st.sampled_from(ZeroPolicy),
        resume=st.sampled_from(["auto", "verify"]),
        reader=st.sampled_from(["mmap", "preadv"]),
        size_bytes=st.integers(1, 4 * BLOCK_SIZE_BYTES),
    )
    def begin(self, zeros, resume, reader, size_bytes):
        folder = Path(self.folder.name)
        (folder / "state").mkdir()
        (folder / "disk.img").touch()
        self.disk = FileDisk(folder / "disk.img")
        self.disk.grow(size_bytes)
        self.upload = Scripted(folder / "state", zeros=zeros, resume=resume)
        self.upload.disk = self.disk
        self.upload._open_source = lambda: self.opened(reader)

    def opened(self, reader):
        source = Looked(
            open_source(self.disk.path, format="raw", allow_mounted=False, reader=reader)
        )
        self.upload.sources.append(source)
        return source

    @rule(index=indexes, fill=st.integers(0, 3), offset=st.sampled_from([0, 4096, 400_000]))
    def write(self, index, fill, offset):
        self.disk.change(index * BLOCK_SIZE_BYTES + offset, bytes([fill]) * 8192)

    @rule(index=indexes, fill=st.integers(0, 3))
    def write_a_block(self, index, fill):
        self.disk.change(index * BLOCK_SIZE_BYTES, bytes([fill]) * BLOCK_SIZE_BYTES)

    @rule(index=indexes)
    def punch(self, index):
        if index < len(self.disk.blocks):
            self.disk.punch(index)

    @rule(size_bytes=st.integers(1, BLOCKS_MAX * BLOCK_SIZE_BYTES))
    def grow(self, size_bytes):
        self.disk.grow(size_bytes)

    @rule(moment=moments, crashes=st.booleans())
    def crash(self, moment, crashes):
        self.upload.changed = True
        self.upload.go(dies_at=moment, crashes=crashes)

    @rule(moment=moments)
    def stop(self, moment):
        self.upload.go(stops_at=moment)

    @rule()
    def complete(self):
        for _ in range(3):  # one may find that a power cut brought back an older mark
            if self.upload.go() == 0:
                break
        else:
            raise AssertionError(self.upload.outcomes[-1])
        snapshot = self.upload.service.snapshots[self.upload.outcomes[-1].snapshot_id]
        assert snapshot.state == "completed"
        if any("was sealed, which" in note for note in self.upload.outcomes[-1].notes):
            return  # it was sealed before the last change, and says so
        shown = {index: number for index, number in snapshot.blocks.items() if number != ZEROS}
        held = {index: number_of(block) for index, block in self.disk.held.items()}
        assert shown == {index: number for index, number in held.items() if number != ZEROS}

    def teardown(self):
        self.any_bytes.__exit__(None, None, None)
        self.folder.cleanup()


class Looked:
    """A source that records whether its identity was looked at before the seal."""

    def __init__(self, source):
        self._source = source
        self.checked = False

    def __getattr__(self, name):
        return getattr(self._source, name)

    def check_unchanged(self):
        self.checked = True
        self._source.check_unchanged()


TestASparseFileEqualsItsSnapshotWhateverHappened = SparseFile.TestCase
TestASparseFileEqualsItsSnapshotWhateverHappened.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, derandomize=True
)
