"""The open files of layers: few at a time, however many snapshots the account has.

Owns descriptors and maps. Knows nothing of what the bytes mean or in which order they are written.
"""

import mmap
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bulkput.emulator.geometry import BLOCK_SIZE_BYTES, DIGEST_SIZE_BYTES

HEADER_BYTES = 4096
_SHARD_BLOCKS = (8 << 40) // BLOCK_SIZE_BYTES
"""ext4 ends a file at 16 TiB."""
_OPEN_LAYERS_MAX = 32
"""Three descriptors each, well below the 256 that some systems allow; to open one again costs
0.02 ms, a put 1.4 ms."""


class LayerFiles:
    """The files of one layer, open."""

    def __init__(self, folder: Path, block_count: int) -> None:
        """Open the index; data files are opened at their first use.

        Raises:
            OSError: the index is missing or cannot be read.
        """
        self._folder = folder
        self._block_count = block_count
        self.index_fd = os.open(folder / "index", os.O_RDWR)
        # Read through a map, written through pwrite: a full disk is then an OSError, no SIGBUS.
        self.map = mmap.mmap(self.index_fd, 0, access=mmap.ACCESS_READ)
        self.marks: npt.NDArray[np.uint8] = np.frombuffer(
            self.map, np.uint8, count=block_count, offset=HEADER_BYTES
        )
        """One byte a block index: 1 where the block was written."""
        self.digests: npt.NDArray[np.uint8] = np.frombuffer(
            self.map,
            np.uint8,
            count=block_count * DIGEST_SIZE_BYTES,
            offset=digests_at(block_count),
        ).reshape(block_count, DIGEST_SIZE_BYTES)
        self._data_fds: dict[int, int] = {}

    def data_at(self, block_index: int) -> tuple[int, int]:
        """Return the descriptor of the file that has the block's bytes, and where they begin.

        Raises:
            OSError: the file cannot be opened or given its size.
        """
        shard, place = divmod(block_index, _SHARD_BLOCKS)
        fd = self._data_fds.get(shard)
        if fd is None:
            name = "data" if shard == 0 else f"data.{shard}"
            fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
            blocks = min(_SHARD_BLOCKS, self._block_count - shard * _SHARD_BLOCKS)
            os.ftruncate(fd, blocks * BLOCK_SIZE_BYTES)
            self._data_fds[shard] = fd
        return fd, place * BLOCK_SIZE_BYTES

    def close(self) -> None:
        """Give all descriptors back; the map has one of its own, and goes with its last view."""
        for fd in (self.index_fd, *self._data_fds.values()):
            os.close(fd)
        self._data_fds.clear()
        del self.marks, self.digests, self.map


class OpenLayers:
    """Which layers have their files open: those used last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._files: OrderedDict[Path, LayerFiles] = OrderedDict()

    def files(self, folder: Path, block_count: int) -> LayerFiles:
        """Return the open files of a layer; they may be closed at the next layer's call.

        Raises:
            OSError: they cannot be opened.
        """
        files = self._files.get(folder)
        if files is None:
            while len(self._files) >= _OPEN_LAYERS_MAX:
                self._files.popitem(last=False)[1].close()
            files = self._files[folder] = LayerFiles(folder, block_count)
        else:
            self._files.move_to_end(folder)
        return files

    def close(self, folder: Path) -> None:
        """Close a layer's files, if they are open."""
        files = self._files.pop(folder, None)
        if files is not None:
            files.close()


def digests_at(block_count: int) -> int:
    """Return where the digests begin: after the marks, on the next page."""
    return HEADER_BYTES + -(-block_count // 4096) * 4096
