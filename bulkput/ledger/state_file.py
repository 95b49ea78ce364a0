"""The one way to a file of the state folder: opened, read, replaced and removed through its folder.

A state folder may lie where others write, as /tmp is. So a folder is opened without following a
link and seen to be one's own, and its files are reached through that descriptor alone: neither a
link in the place of one of them nor a rename meanwhile leads elsewhere. Knows nothing of what the
files hold.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bulkput.ledger.storage import FILE_MODE, FOLDER_MODE, storage_error, write_all
from bulkput.model.errors import LedgerError

_ABOVE_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""O_NONBLOCK so that a named pipe is refused instead of waited for; a file does not mind it."""

_NO_FOLDER = frozenset({errno.ENOTDIR, errno.ELOOP})


@contextlib.contextmanager
def opened_folder(folder: Path, *, is_top: bool = False, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of ``folder``, which belongs to this user, as does what it lies in.

    What it lies in may be root's as well. Neither may be one that every user can write to, unless
    its sticky bit keeps them from replacing what is in it.

    Args:
        folder: A folder in the state directory, or below one.
        is_top: It is the state directory itself: what it lies in is the user's own choice.
        make: Make it where it is missing, private (0700).

    Raises:
        LedgerError: it, or what it lies in, is a link, no folder, or open to others.
        OSError: it is missing, or cannot be opened or made.
    """
    above = _open_above(folder, is_top=is_top)
    try:
        name = folder.name or "."
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, FOLDER_MODE, dir_fd=above)
        descriptor = _open_folder(folder, name, _FOLDER_FLAGS, above)
    finally:
        os.close(above)
    try:
        _check_folder(folder, os.fstat(descriptor), {os.geteuid()})
        yield descriptor
    finally:
        os.close(descriptor)


def _open_above(folder: Path, *, is_top: bool) -> int:
    if is_top:
        return os.open(folder.parent, _ABOVE_FLAGS)
    above = _open_folder(folder.parent, folder.parent, _ABOVE_FLAGS | os.O_NOFOLLOW)
    try:
        _check_folder(folder.parent, os.fstat(above), {0, os.geteuid()})
    except BaseException:
        os.close(above)
        raise
    return above


def _open_folder(folder: Path, name: str | Path, flags: int, above: int | None = None) -> int:
    try:
        return os.open(name, flags, dir_fd=above)
    except OSError as error:
        if error.errno in _NO_FOLDER:
            what = "is a symbolic link or a file; a folder is needed. Name another state_dir"
            raise LedgerError(folder, what) from None
        raise


def _check_folder(folder: Path, status: os.stat_result, owners: set[int]) -> None:
    if status.st_uid not in owners:
        raise LedgerError(
            folder,
            f"belongs to user id {status.st_uid}, and this is user id {os.geteuid()}. Run as the"
            f" same user, or name another state_dir{mount_point_text(folder)}",
        )
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise LedgerError(
            folder,
            "is a folder in which every user can replace what lies there. Forbid it (chmod o-w), "
            "or name another state_dir",
        )


def mount_point_text(folder: Path) -> str:
    """Return advice on a file system that another user has mounted; else an empty text."""
    if not folder.is_mount():
        return ""
    return (
        f": this one is a mount point, and a folder in it that belongs to you works, such as "
        f"{folder / 'bulkput'} (install -d -m 700 -o {os.geteuid()} {folder / 'bulkput'})"
    )


def open_state_file(path: Path, flags: int) -> int:
    """Open a file of the state folder, private (0600) if that makes it; return its descriptor.

    Raises:
        LedgerError: it is a link, no regular file, or another user's; or its folder is.
        OSError: it is missing, or cannot be opened or made.
    """
    with opened_folder(path.parent) as folder:
        return _open_in(folder, path, flags)


def create_in(folder: int, path: Path) -> int:
    """Make the file ``path`` in its opened folder anew, whatever has its name; to be written.

    Raises:
        OSError: it cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        return _open_in(folder, path, flags)
    except FileExistsError:
        os.unlink(path.name, dir_fd=folder)
        return _open_in(folder, path, flags)


def _open_in(folder: int, path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path.name, flags | _FILE_FLAGS, FILE_MODE, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LedgerError(path, "is in the way: a symbolic link. Remove it") from None
        raise
    try:
        _check_file(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError(path, "is in the way: a link or no regular file. Remove it")
    if status.st_uid != os.geteuid():
        raise LedgerError(path, f"belongs to user id {status.st_uid}. Name another state_dir")


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
    _check_file(path, status)
    return True


def read_state_file(path: Path, size_max_bytes: int) -> bytes:
    """Return the beginning of a state file.

    Raises:
        LedgerError: it is a link, no regular file, or another user's; or its folder is.
        OSError: it is missing, or cannot be read.
    """
    with os.fdopen(open_state_file(path, os.O_RDONLY), "rb") as file:
        return file.read(size_max_bytes)


def replace_file(path: Path, content: bytes) -> None:
    """Make ``content`` the whole of ``path``, durably; a crash leaves the old or the new file.

    The caller keeps other writers out. May block for two disk flushes.

    Raises:
        LedgerError: the file cannot be written.
        TemporaryError: the disk is full.
    """
    try:
        with opened_folder(path.parent) as folder:
            new_path = path.with_name(path.name + ".new")
            descriptor = create_in(folder, new_path)
            try:
                write_all(descriptor, content, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            put_in_place(folder, new_path, path)
    except OSError as error:
        raise storage_error(path, "write the file", error) from error


def put_in_place(folder: int, new_path: Path, path: Path) -> None:
    """Give the file ``new_path`` the name of ``path`` in their opened folder, durably.

    Raises:
        OSError: as the system raises it.
    """
    os.rename(new_path.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def remove_file(path: Path) -> None:
    """Remove a file of the state folder, if it is there.

    Raises:
        LedgerError: its folder is another user's, or open to others.
        OSError: it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), opened_folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)
