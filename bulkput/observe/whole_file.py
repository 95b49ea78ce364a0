"""A file that is whole or not there: written beside its place, private, and then renamed."""

import os
from contextlib import suppress
from pathlib import Path

_MODE = 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def write_whole(path: Path, content: bytes) -> None:
    """Make ``content`` the whole of the file, its owner's alone (0600).

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, _FLAGS, _MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor is no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def require_writable(path: Path) -> None:
    """Find out whether ``write_whole`` could write there; leaves nothing behind.

    Raises:
        OSError: it could not.
    """
    if path.is_dir():
        raise IsADirectoryError(21, os.strerror(21), str(path))
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    os.close(os.open(new, _FLAGS, _MODE))
    new.unlink()
