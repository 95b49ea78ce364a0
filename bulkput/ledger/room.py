"""Room for state: what an upload's ledger and manifest take, and whether the disk has it.

An upload that fills its disk half-way resumes, but nobody is there at night to make room, and a
manifest that cannot be written is missed only after the seal.
"""

import os
from pathlib import Path

from bulkput.ledger.ledger import TABLE_NAME
from bulkput.ledger.record import RECORD_SIZE_BYTES
from bulkput.model.block import DIGEST_SIZE_BYTES
from bulkput.model.errors import TemporaryError
from bulkput.model.size import format_size

HEADERS_SIZE_BYTES = 1 << 20
"""For headers, runs and folders, whatever the source's size."""


def needed_bytes(block_count: int) -> int:
    """Return what an upload that marks ``block_count`` blocks writes: its ledger, its manifest."""
    return block_count * (RECORD_SIZE_BYTES + DIGEST_SIZE_BYTES) + HEADERS_SIZE_BYTES


def free_bytes(folder: Path) -> int | None:
    """Return what this user may still write below ``folder``; None where that is not known.

    Raises:
        OSError: it cannot be asked.
    """
    room = os.statvfs(folder)
    if room.f_blocks == 0:  # some network file systems do not report it
        return None
    blocks = room.f_bfree if os.geteuid() == 0 else room.f_bavail
    return blocks * room.f_frsize


def _allocated_bytes(folder: Path) -> int:
    """Return what the table in ``folder`` takes on the disk already."""
    try:
        return (folder / TABLE_NAME).lstat().st_blocks * 512  # by POSIX, whatever the disk's
    except FileNotFoundError:
        return 0


def missing_room(folder: Path, block_count: int) -> TemporaryError | None:
    """Return why the upload whose ledger is in ``folder`` cannot write its state to the end.

    Args:
        folder: Of the ledger; what it has already is not needed again.
        block_count: Blocks that it may mark.

    Returns:
        The error to raise; None if there is room, or if that cannot be known.
    """
    try:
        free = free_bytes(folder)
        needed = needed_bytes(block_count) - _allocated_bytes(folder)
    except OSError:
        return None  # an optional look: the writes themselves report what is wrong
    if free is None or free >= needed:
        return None
    return TemporaryError(
        f"{folder}: {format_size(free)} free, and the ledger and manifest of this upload may take "
        f"{format_size(needed)}. Make room, or name another state_dir, and run the same command "
        "again; no block was put"
    )
