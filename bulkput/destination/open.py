"""Opening a target: what may be written to, and one clear sentence for everything else."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from bulkput.destination.destination import Target, target_error
from bulkput.machine.use import device_holders, device_writers, file_users
from bulkput.model.errors import DestinationError

PARTIAL_SUFFIX = ".partial"
_FILE_MODE = 0o600
"""A disk holds keys and passwords: for its owner alone, until that one decides otherwise."""


def partial_path(path: Path, snapshot_id: str) -> Path:
    """Return where a file is written until it is whole: another place for each snapshot."""
    return path.with_name(f"{path.name}.{snapshot_id}{PARTIAL_SUFFIX}")


def real_path(path: Path) -> Path:
    """Return ``path`` with its links followed; it may not exist yet.

    Raises:
        DestinationError: it cannot be a path, or its folder is not there.
    """
    try:
        found = path.resolve()
        if not found.parent.is_dir():
            raise DestinationError(path, "its folder does not exist")
    except (OSError, RuntimeError, ValueError) as error:
        raise DestinationError(path, f"is not a path that can be written to: {error}") from error
    return found


def is_device(path: Path) -> bool:
    """Return whether ``path`` is a block device.

    Raises:
        DestinationError: it is there, and neither that nor a file.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise target_error(path, "look at it", error) from error
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        what = "is a folder" if stat.S_ISDIR(mode) else "is neither a file nor a block device"
        raise DestinationError(path, what)
    return stat.S_ISBLK(mode)


def open_new_file(path: Path, length_bytes: int) -> Target:
    """Open the file at ``path`` for writing, or make it; its content and length are left alone.

    Raises:
        DestinationError: it cannot be opened.
        TemporaryError: the disk is full.
    """
    return Target(_opened(path, os.O_CREAT | os.O_NOFOLLOW), path, "file", length_bytes)


def open_existing_file(path: Path, length_bytes: int) -> Target:
    """Open the file at ``path`` to change it in place.

    Raises:
        DestinationError: it is not there, or cannot be opened.
    """
    return Target(_opened(path, 0), path, "file", length_bytes)


def open_device(path: Path, length_bytes: int) -> Target:
    """Open a block device, which nobody can mount until it is closed.

    Raises:
        DestinationError: it is in use, too small, or cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise target_error(path, "open the device", error) from error
        users = device_holders(path.stat().st_rdev, path)
        raise DestinationError(path, _in_use(users)) from error
    users = device_writers(fd)
    if users:
        os.close(fd)
        raise DestinationError(path, _in_use(users))
    has_bytes = os.lseek(fd, 0, os.SEEK_END)
    if has_bytes < length_bytes:
        os.close(fd)
        what = f"has {has_bytes} bytes, too few for the {length_bytes} of the snapshot"
        raise DestinationError(path, what)
    return Target(fd, path, "device", length_bytes)


def size_of(path: Path) -> int:
    """Return the length of a file or block device.

    Raises:
        DestinationError: it is not there or cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.lseek(fd, 0, os.SEEK_END)
        finally:
            os.close(fd)
    except OSError as error:
        raise target_error(path, "open it", error) from error


def _opened(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, _FILE_MODE)
    except OSError as error:
        raise target_error(path, "open the file", error) from error
    # Before it is locked: the kernel would take an own lock for granted.
    users = file_users(fd, path, "any")
    if users:
        os.close(fd)
        raise DestinationError(path, _in_use(users))
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if isinstance(error, BlockingIOError):
            raise DestinationError(path, "is being written to by another process") from None
        raise target_error(path, "lock the file", error) from error
    return fd


def check_unused(path: Path) -> None:
    """See that nobody uses the file that is to be replaced: what they write would be lost.

    Raises:
        DestinationError: somebody does, or it cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise target_error(path, "open it", error) from error
    try:
        users = file_users(fd, path, "writing")
    finally:
        os.close(fd)
    if users:
        raise DestinationError(path, _in_use(users))


def _in_use(users: list[str]) -> str:
    return f"is in use: {', '.join(users)}. Stop or unmount it first"


def replace(partial: Path, path: Path) -> None:
    """Give the whole file its name, durably.

    Raises:
        DestinationError: it cannot be renamed.
    """
    try:
        partial.replace(path)
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise target_error(path, f"rename {partial.name}", error) from error
