"""The files that are uploaded: random, of written zeros, sparse, scattered.

All are made with what the kernel offers, so that the harness itself stays small.
"""

import os
from pathlib import Path

from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB, GIB_BYTES

_PIECE_BYTES = 8 << 20


def random_file(folder: Path, size_bytes: int) -> Path:
    """Return a file of random bytes, made once for a run and warm in the page cache."""
    path = folder / f"random-{size_bytes}.bin"
    if not path.exists() or path.stat().st_size != size_bytes:
        with path.open("wb") as file:
            for start in range(0, size_bytes, _PIECE_BYTES):
                file.write(os.urandom(min(_PIECE_BYTES, size_bytes - start)))
            _settle(file.fileno())
    warm(path)
    return path


def half_random_file(folder: Path, size_bytes: int) -> Path:
    """Return a file that compressors halve: of every 8 KiB the first half is random."""
    path = folder / f"half-random-{size_bytes}.bin"
    with path.open("wb") as file:
        for start in range(0, size_bytes, _PIECE_BYTES):
            piece = bytearray(b"disk" * (min(_PIECE_BYTES, size_bytes - start) // 4))
            for at in range(0, len(piece), 8192):
                piece[at : at + 4096] = os.urandom(4096)
            file.write(piece)
        _settle(file.fileno())
    warm(path)
    return path


def zero_file(folder: Path, size_bytes: int) -> Path:
    """Return a file of written zeros: allocated, in the page cache, no hole."""
    path = folder / f"zeros-{size_bytes}.bin"
    piece = bytes(_PIECE_BYTES)
    with path.open("wb") as file:
        for start in range(0, size_bytes, _PIECE_BYTES):
            file.write(piece[: min(_PIECE_BYTES, size_bytes - start)])
        _settle(file.fileno())
    warm(path)
    return path


def hole_file(folder: Path, block_count: int) -> Path:
    """Return a file that is one hole: as many blocks as one likes for no disk at all."""
    path = folder / f"hole-{block_count}.bin"
    with path.open("wb") as file:
        file.truncate(block_count * BLOCK_SIZE_BYTES)
    return path


def scattered_file(folder: Path, size_gib: int, data_gib: int, run_blocks: int = 1) -> Path:
    """Return a sparse file with runs of random blocks at even distances, holes between them."""
    path = folder / f"scattered-{size_gib}.bin"
    with path.open("wb") as file:
        file.truncate(size_gib * GIB_BYTES)
        for number in range(data_gib * BLOCKS_PER_GIB):
            file.seek(scattered_offset_bytes(number, size_gib // data_gib, run_blocks))
            file.write(os.urandom(BLOCK_SIZE_BYTES))
        _settle(file.fileno())
    return path


def scattered_offset_bytes(number: int, spread: int, run_blocks: int) -> int:
    """Return where block ``number`` of those that hold data lies, one run in ``spread`` lengths."""
    run, position = divmod(number, run_blocks)
    return (run * spread * run_blocks + position) * BLOCK_SIZE_BYTES


def warm(path: Path) -> None:
    """Read a file once, so that all that read it after find it in the page cache."""
    buffer = bytearray(_PIECE_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _settle(descriptor: int) -> None:
    """Have the disk finish now, not in the middle of a measurement."""
    os.fsync(descriptor)
