"""A file or block device that is open for reading, and is watched for changes.

Owns the descriptor, what may be opened at all, and one clear sentence for everything else. Does
not look at the content.
"""

import errno
import os
import stat
from pathlib import Path

from bulkput.machine.devices import device_sector_bytes, device_size_bytes, is_read_only
from bulkput.machine.use import device_holders, device_writers, file_users
from bulkput.model.errors import BulkputError, SourceError, SourceInUseError
from bulkput.model.shortage import machine_error
from bulkput.source.file_system import settle_times
from bulkput.source.identity import (
    SourceIdentity,
    check_path,
    check_same,
    device_identity,
    file_identity,
)
from bulkput.source.source import SourceKind

_KINDS: dict[int, SourceKind] = {stat.S_IFREG: "file", stat.S_IFBLK: "device"}

_NOT_A_DISK: dict[int, str] = {
    stat.S_IFDIR: "is a directory; name a file or block device in it",
    stat.S_IFIFO: "is a pipe, which cannot be read at any place: give it as standard input "
    "(COMMAND | bulkput upload -), or write it to a file first",
    stat.S_IFSOCK: "is a socket; name a file or block device",
    stat.S_IFCHR: "is a character device; name a file or block device",
}

_OPEN_ERRORS: dict[int, str] = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist: a part of its path is not a directory",
    errno.EACCES: "may not be read by this user; run as its owner or grant read permission",
    errno.EPERM: "may not be read by this user; run as its owner or grant read permission",
    errno.ELOOP: "is a symbolic link that leads in a circle",
    errno.ENXIO: "has no device behind it",
    errno.ENODEV: "has no device behind it",
    errno.ENOMEDIUM: "has no medium in it",
    errno.ENAMETOOLONG: "is longer than a path may be",
}


class OpenedFile:
    """One descriptor and what it was when it was opened; made by ``open_file``."""

    def __init__(
        self,
        fd: int,
        path: Path,
        identity: SourceIdentity,
        *,
        allow_mounted: bool,
        reports_changes: bool,
    ) -> None:
        self.path = path
        self.identity = identity
        self.allow_mounted = allow_mounted
        """Whether it was opened without a look at who may write to it."""
        self.reports_changes = reports_changes
        """Whether an equal identity means equal content: a device's never does, a file's where its
        file system reports every change."""
        self._fd: int | None = fd

    @property
    def kind(self) -> SourceKind:
        """``file`` or ``device``."""
        return self.identity.kind

    @property
    def size_bytes(self) -> int:
        """Length when it was opened."""
        return self.identity.size_bytes

    @property
    def fd(self) -> int:
        """The descriptor.

        Raises:
            SourceError: it was closed.
        """
        if self._fd is None:
            raise SourceError(self.path, "was closed before all of it was read")
        return self._fd

    @property
    def sector_bytes(self) -> int | None:
        """A device's logical sector; None of a file, and where the kernel reports none."""
        if self.kind != "device":
            return None
        try:
            return device_sector_bytes(self.fd)
        except OSError:
            return None

    def ends(self, length_bytes: int) -> tuple[bytes, bytes]:
        """Return the first and the last ``length_bytes``, fewer where it has fewer.

        Raises:
            OSError: they cannot be read.
        """
        head = os.pread(self.fd, length_bytes, 0)
        return head, os.pread(self.fd, length_bytes, max(0, self.size_bytes - length_bytes))

    def check_unchanged(self) -> None:
        """Compare with what it was when it was opened.

        Raises:
            SourceError: it was truncated, grew, or was replaced or modified.
        """
        fd = self.fd
        # The path first: a replaced or removed file has changed its ctime too.
        check_path(self.path, self.identity)
        check_same(self.path, self.identity, _identity_of(fd, self.path, self.kind))

    def close(self) -> None:
        """Close the descriptor. Safe to repeat."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def open_file(path: str | os.PathLike[str], *, allow_mounted: bool) -> OpenedFile:
    """Open a regular file or block device for reading. Blocks.

    Args:
        path: Symbolic links are followed; the real path is kept.
        allow_mounted: Open it although somebody may write to it. Otherwise a device stays claimed
            (O_EXCL) until closed, so that nobody can mount it meanwhile.

    Raises:
        SourceError: it is not there, may not be read, or is no disk.
        SourceInUseError: somebody may write to it.
    """
    try:
        # First: what /dev/stdin and <(COMMAND) lead to may have no path to be resolved.
        _kind(Path(path), os.stat(path).st_mode)  # noqa: PTH116 - beside os.open
        real_path = _resolved(Path(path))
        kind = _kind(real_path, os.stat(real_path).st_mode)  # noqa: PTH116 - beside os.open
        fd = _open(real_path, kind, exclusive=kind == "device" and not allow_mounted)
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: pathlib's word for a circle of links before 3.13; ValueError: a NUL byte
        raise _cannot_open(Path(path), error) from error
    try:
        if not allow_mounted:
            _check_unused(fd, real_path, kind)
        # A cold disk with the usual readahead of 128 KiB: 1.3 times the speed by preadv, 1.5 times
        # by maps; asking for each window ahead (WILLNEED) gained nothing beyond that.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        reports_changes = kind == "file" and settle_times(fd)
        identity = _identity_of(fd, real_path, kind)
        return OpenedFile(
            fd, real_path, identity, allow_mounted=allow_mounted, reports_changes=reports_changes
        )
    except BaseException:
        os.close(fd)
        raise


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except FileNotFoundError as error:
        raise SourceError(path, "was deleted, and is open under a number only") from error


def check_input_unused(fd: int) -> None:
    """See that nobody may write to what a descriptor of another's opening reads. Blocks.

    Raises:
        SourceInUseError: it is a file or block device, and somebody may.
    """
    try:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115 - a pipe's is no path
        if os.path.samestat(path.stat(), os.fstat(fd)):
            open_file(path, allow_mounted=False).close()
    except SourceInUseError:
        raise
    except (OSError, SourceError):
        return  # a pipe, a terminal, a removed file: its reader finds out


def _identity_of(fd: int, path: Path, kind: SourceKind) -> SourceIdentity:
    try:
        status = os.fstat(fd)
        if kind == "device":
            return device_identity(status, device_size_bytes(fd))
        return file_identity(status)
    except OSError as error:
        raise SourceError(path, f"cannot be examined: {error.strerror}") from error


def _kind(path: Path, mode: int) -> SourceKind:
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is None:
        raise SourceError(
            path, _NOT_A_DISK.get(stat.S_IFMT(mode), "is neither a file nor a block device")
        )
    return kind


def _open(path: Path, kind: SourceKind, *, exclusive: bool) -> int:
    # O_NONBLOCK: if a pipe took the place since it was examined, opening it must not wait.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags | (os.O_EXCL if exclusive else 0))
    except OSError as error:
        if error.errno != errno.EBUSY or not exclusive:
            raise
        fd = os.open(path, flags)
        if not is_read_only(fd):  # else whoever has claimed it cannot write to it either
            os.close(fd)
            users = device_holders(path.stat().st_rdev, path)
            raise SourceInUseError(path, _in_use(users)) from error
    if _KINDS.get(stat.S_IFMT(os.fstat(fd).st_mode)) != kind:
        os.close(fd)
        raise SourceError(path, "was replaced by something else while it was opened")
    return fd


def _check_unused(fd: int, path: Path, kind: SourceKind) -> None:
    users = device_writers(fd) if kind == "device" else file_users(fd, path, "writing")
    if users:
        raise SourceInUseError(path, _in_use(users))


def _in_use(users: list[str]) -> str:
    return (
        f"is in use: {', '.join(users)}; writes during the upload would make the volume "
        "inconsistent: stop or unmount it, or read a snapshot or copy of it, or set allow_mounted"
    )


def _cannot_open(path: Path, error: Exception) -> BulkputError:
    short = machine_error(error, f"{path}: cannot be opened")
    if short is not None:
        return short
    if isinstance(error, OSError):
        what = _OPEN_ERRORS.get(error.errno or 0) or f"cannot be opened: {error.strerror}"
    elif isinstance(error, RuntimeError):
        what = _OPEN_ERRORS[errno.ELOOP]
    else:
        what = f"is not a path: {error}"
    return SourceError(path, what)
