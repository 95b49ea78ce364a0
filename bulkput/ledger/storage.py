"""The state folder's disk: what its errors mean, and which modes its files have.

Knows nothing of what the files hold.
"""

import errno
import os
from pathlib import Path

from bulkput.model.errors import BulkputError, LedgerError, TemporaryError
from bulkput.model.shortage import machine_error

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file size limit is reached",
}


def storage_error(path: Path, doing: str, error: OSError) -> BulkputError:
    """Return the error that explains ``error`` met at ``path`` while ``doing`` something.

    A full disk is temporary: nothing is lost, and the same command resumes once there is room.
    """
    full = _FULL.get(error.errno or 0)
    if full is not None:
        return TemporaryError(
            f"{path}: cannot {doing}: {full}. Make room and run the same command again: it resumes"
        )
    short = machine_error(error, f"{path}: cannot {doing}")
    return short or LedgerError(path, f"cannot {doing}: {error.strerror or error}")


def write_all(descriptor: int, content: bytes | memoryview, offset_bytes: int) -> None:
    """Write all of ``content``: a write cut short by a full disk is followed by its OSError."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset_bytes)
        view = view[written:]
        offset_bytes += written


_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return a text that changes with every start of the machine; empty if it is unknown.

    What one process wrote outlives it in the page cache, but not the machine: whoever compares
    must take an empty text as another boot.
    """
    try:
        return _BOOT_ID_PATH.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
