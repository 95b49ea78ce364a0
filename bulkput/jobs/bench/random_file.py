"""A file of random data for uploads that are measured: in memory where there is room for it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import MachineError

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder in it

_PIECE_BYTES = 64 << 20
"""Random once, and then again: nobody looks for repeats. Getting it takes 0.2 s."""

_MEMORY_SHARE = 0.25
"""Of what is available: neither swap nor other programs are to be measured."""

_ROOM_SHARE = 0.5
"""Of what is free on the file system."""


@contextmanager
def private_folder(wanted_bytes: int) -> Iterator[Path]:
    """Make a folder for measurements, which is removed at the end.

    It is in memory if that has room for so much, else in the temporary folder.

    Raises:
        MachineError: no folder can be made.
    """
    memory_bytes = min(
        _MEMORY_SHARE * available_memory_bytes(), _ROOM_SHARE * _room_bytes(_IN_MEMORY)
    )
    parent = _IN_MEMORY if memory_bytes >= wanted_bytes else None
    try:
        folder = tempfile.TemporaryDirectory(prefix="bulkput-bench-", dir=parent)
    except OSError as error:
        raise MachineError(f"no folder for the measurement can be made: {error}") from error
    with folder as name:
        yield Path(name)


def room_bytes(folder: Path) -> int:
    """Return how much longer a file in ``folder`` may become, in whole blocks."""
    room = _ROOM_SHARE * _room_bytes(folder)
    if folder.is_relative_to(_IN_MEMORY):
        room = min(room, _MEMORY_SHARE * available_memory_bytes())
    return int(room) // BLOCK_SIZE_BYTES * BLOCK_SIZE_BYTES


def available_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return what programs may take before the kernel swaps; a GiB where it does not say."""
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return 1 << 30


def grow(path: Path, size_bytes: int) -> None:
    """Make the file as long as that, with random data behind what it has. Blocks.

    Raises:
        MachineError: it cannot be written.
    """
    piece = os.urandom(min(size_bytes, _PIECE_BYTES))
    try:
        with path.open("ab") as file:
            while file.tell() < size_bytes:
                file.write(memoryview(piece)[: size_bytes - file.tell()])
    except OSError as error:
        raise MachineError(f"{path}: random data cannot be written: {error.strerror}") from error


def _room_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
