"""The blocks that one snapshot was given, on disk: their bytes, their digests, which there are.

Owns the files of one folder and the order in which they are written. Knows nothing of requests,
states or parents.

What holds after ``kill -9`` at any moment (not after a power cut: nothing is synced): a block is
there with its digest, or it is not there. A first write puts the bytes, then the digest, then the
mark. A block overwritten with other bytes goes through ``redo`` first, so that a death in the
middle of the bytes is made good when the folder is opened again.

Index file, little-endian: 4096 bytes of header, one mark byte a block, padding to 4096, 32 bytes
of digest a block. Data: raw bytes at their place in the volume, in files of 8 TiB.
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bulkput.emulator.geometry import (
    BLOCK_SIZE_BYTES,
    DIGEST_SIZE_BYTES,
    ZERO_BLOCK,
    ZERO_BLOCK_DIGEST,
)
from bulkput.emulator.layer_files import HEADER_BYTES, LayerFiles, OpenLayers, digests_at

_MAGIC = b"bulkput-emulator-index\x00\x01"
"""Name and format version."""
_HEADER = struct.Struct("<24sQd")
"""Magic, block count, Unix time of the last put."""
_LAST_PUT_OFFSET = 32
_SCAN_BLOCKS = 1 << 20
"""Blocks a step of a scan: 1 MiB of marks, up to 32 MiB of digests."""
_REDO_HEAD = struct.Struct("<Q32s")
_LAST_PUT_STEP_S = 1.0
"""The last put's time is written at most this often; the timeouts it feeds are in minutes."""


class LayerError(Exception):
    """A folder that is no layer, or one of another version."""


class Layer:
    """One snapshot's own blocks. Calls block for as long as the file system takes."""

    def __init__(
        self, folder: Path, block_count: int, last_put_unix_s: float, layers_open: OpenLayers
    ) -> None:
        """Finish what was cut off, and count; use ``create`` or ``open``."""
        self.folder = folder
        self.block_count = block_count
        self.last_put_unix_s = last_put_unix_s
        self._last_put_saved_s = last_put_unix_s
        self._digests_at = digests_at(block_count)
        self._layers_open = layers_open
        self._redo()
        self.written_count = int(np.count_nonzero(self.marks))

    @classmethod
    def create(cls, folder: Path, block_count: int, layers_open: OpenLayers) -> "Layer":
        """Make the files of an empty layer in ``folder``, which must not exist."""
        folder.mkdir(mode=0o700)
        with (folder / "index").open("xb") as file:
            file.truncate(digests_at(block_count) + block_count * DIGEST_SIZE_BYTES)
            file.write(_HEADER.pack(_MAGIC, block_count, 0.0))
        return cls(folder, block_count, 0.0, layers_open)

    @classmethod
    def open(cls, folder: Path, layers_open: OpenLayers) -> "Layer":
        """Open what ``create`` made.

        Raises:
            LayerError: the index is missing or of another format.
        """
        try:
            with (folder / "index").open("rb") as file:
                magic, block_count, last_put = _HEADER.unpack(file.read(_HEADER.size))
        except (OSError, struct.error) as error:
            raise LayerError(f"{folder}: {error}") from error
        if magic != _MAGIC.ljust(24, b"\x00"):
            raise LayerError(f"{folder}: not an index of this version")
        return cls(folder, block_count, last_put, layers_open)

    @property
    def marks(self) -> npt.NDArray[np.uint8]:
        """One byte a block index: 1 where the block was written."""
        return self._files.marks

    def has(self, block_index: int) -> bool:
        """Return whether the block was written here."""
        return block_index < self.block_count and self._files.map[HEADER_BYTES + block_index] != 0

    def digest(self, block_index: int) -> bytes:
        """Return the SHA-256 of a block that is here."""
        at = self._digests_at + block_index * DIGEST_SIZE_BYTES
        return self._files.map[at : at + DIGEST_SIZE_BYTES]

    def write(
        self, block_index: int, chunks: Sequence[bytes], digest: bytes, now_unix_s: float
    ) -> None:
        """Write one block, given in pieces of 524288 bytes in all, in the order that holds.

        Raises:
            OSError: the disk is full or failing; the block is as it was, or absent.
        """
        there = self.has(block_index)
        before = self.digest(block_index) if there else ZERO_BLOCK_DIGEST
        if before != digest:
            if before != ZERO_BLOCK_DIGEST:
                self._keep_for_redo(block_index, chunks, digest)
            self._write_data(block_index, chunks)
        if not there or before != digest:
            self._write_digest(block_index, digest)
        if before not in (digest, ZERO_BLOCK_DIGEST):
            os.truncate(self.folder / "redo", 0)
        if not there:
            os.pwrite(self._files.index_fd, b"\x01", HEADER_BYTES + block_index)
            self.written_count += 1
        self.last_put_unix_s = now_unix_s
        if now_unix_s - self._last_put_saved_s >= _LAST_PUT_STEP_S:
            self._last_put_saved_s = now_unix_s
            os.pwrite(self._files.index_fd, struct.pack("<d", now_unix_s), _LAST_PUT_OFFSET)

    def read(self, block_index: int) -> bytes:
        """Return the 524288 bytes of a block that is here."""
        if self.digest(block_index) == ZERO_BLOCK_DIGEST:
            return ZERO_BLOCK
        fd, offset_bytes = self._files.data_at(block_index)
        data = os.pread(fd, BLOCK_SIZE_BYTES, offset_bytes)
        return data.ljust(BLOCK_SIZE_BYTES, b"\x00")

    def linear_checksum(self) -> bytes:
        """Return SHA-256 over the digests of the blocks written here, in ascending index."""
        hasher = hashlib.sha256()
        marks, digests = self.marks, self._files.digests
        for start in range(0, self.block_count, _SCAN_BLOCKS):
            chosen = marks[start : start + _SCAN_BLOCKS] != 0
            if chosen.any():
                hasher.update(digests[start : start + _SCAN_BLOCKS][chosen].data)
        return hasher.digest()

    def close(self) -> None:
        """Give the files back."""
        self._layers_open.close(self.folder)

    @property
    def _files(self) -> LayerFiles:
        return self._layers_open.files(self.folder, self.block_count)

    def _write_data(self, block_index: int, chunks: Sequence[bytes]) -> None:
        fd, offset_bytes = self._files.data_at(block_index)
        _write_all(fd, chunks, offset_bytes)

    def _write_digest(self, block_index: int, digest: bytes) -> None:
        os.pwrite(self._files.index_fd, digest, self._digests_at + block_index * DIGEST_SIZE_BYTES)

    def _keep_for_redo(self, block_index: int, chunks: Sequence[bytes], digest: bytes) -> None:
        fd = os.open(self.folder / "redo", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            _write_all(fd, (_REDO_HEAD.pack(block_index, digest), *chunks), 0)
        finally:
            os.close(fd)

    def _redo(self) -> None:
        """Finish an overwrite that was cut off; a redo file that is not whole never began one."""
        path = self.folder / "redo"
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            return
        if len(kept) == _REDO_HEAD.size + BLOCK_SIZE_BYTES:
            block_index, digest = _REDO_HEAD.unpack_from(kept)
            data = kept[_REDO_HEAD.size :]
            if hashlib.sha256(data).digest() == digest:
                self._write_data(block_index, (data,))
                self._write_digest(block_index, digest)
        path.unlink()


def _write_all(fd: int, chunks: Sequence[bytes], offset_bytes: int) -> None:
    """Write the pieces one after the other, however little the kernel takes at a time."""
    done = os.pwritev(fd, chunks, offset_bytes)
    if done == sum(map(len, chunks)):
        return
    rest = memoryview(b"".join(chunks))
    while done < len(rest):
        done += os.pwrite(fd, rest[done:], offset_bytes + done)
