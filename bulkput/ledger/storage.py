"""The state folder's disk: what its errors mean, and files replaced whole or not at all.

Knows nothing of what the files hold.
"""

import errno
import os
import stat
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


def is_own_file(path: Path) -> bool:
    """Return whether a file is there; a state folder may be one that others write to, as /tmp is.

    Raises:
        LedgerError: what is there is a link, no regular file, or another user's; or it cannot be
            examined.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(path, "examine it", error) from error
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError(path, "is in the way: a link or no regular file. Remove it")
    if status.st_uid != os.geteuid():
        raise LedgerError(path, f"belongs to user id {status.st_uid}. Name another state_dir")
    return True


def read_state_file(path: Path, size_max_bytes: int) -> bytes:
    """Return the beginning of a state file; never through a link, nor from what would wait.

    Raises:
        OSError: it is missing, a link, no regular file, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read(size_max_bytes)


def replace_file(path: Path, content: bytes) -> None:
    """Make ``content`` the whole of ``path``, durably; a crash leaves the old or the new file.

    The caller keeps other writers out. May block for two disk flushes.

    Raises:
        LedgerError: the file cannot be written.
        TemporaryError: the disk is full.
    """
    new_path = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(
            new_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE
        )
        try:
            write_all(descriptor, content, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new_path.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, "write the file", error) from error


def write_all(descriptor: int, content: bytes | memoryview, offset_bytes: int) -> None:
    """Write all of ``content``: a write cut short by a full disk is followed by its OSError."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset_bytes)
        view = view[written:]
        offset_bytes += written


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable.

    Raises:
        OSError: as the system says.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what is another text after every start of the machine, or nothing if it is unknown.

    What one process wrote outlives it in the page cache, but not the machine: whoever compares
    must take an empty text as another boot.
    """
    try:
        return _BOOT_ID_PATH.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
