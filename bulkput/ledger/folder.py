"""Where state lives: the state directory, and in it one private folder for each upload.

Owns names and permissions. Knows nothing of what the files in a folder hold.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from bulkput.ledger.storage import FOLDER_MODE, storage_error
from bulkput.model.errors import ConfigError, LedgerError, Problem

_KEY_CHARS = 12
"""48 bits: two of a million uploads share a folder with a chance of 1 in 500; their headers differ.
"""
_NAME_CHARS_MAX = 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Return ``$XDG_STATE_HOME/bulkput``, or ``~/.local/state/bulkput``.

    Relative values of XDG_STATE_HOME are ignored, as the XDG Base Directory Specification says.
    """
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = _home(environ) / ".local" / "state"
    return base / "bulkput"


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("HOME"):
        return Path(environ["HOME"])
    try:
        return Path.home()
    except RuntimeError as error:  # a user id without an entry in passwd, as containers have
        expected = (
            "expected a folder for state: there is no HOME, and this user has no home folder. "
            "Name one (--state-dir, state_dir, XDG_STATE_HOME)"
        )
        raise ConfigError((Problem("state_dir", expected),)) from error


def volume_folder(state_dir: Path, name: str, key: Iterable[str]) -> Path:
    """Return the folder of one upload: ``name`` made readable, and 12 hex digits of ``key``.

    The same key texts give the same folder in every run; nothing is created.
    """
    digest = hashlib.sha256()
    for part in key:
        content = part.encode("utf-8", "surrogateescape")
        digest.update(len(content).to_bytes(8, "little") + content)
    readable = _NOT_IN_NAMES.sub("-", name).strip("-.")[:_NAME_CHARS_MAX] or "volume"
    return state_dir / f"{readable}-{digest.hexdigest()[:_KEY_CHARS]}"


def ensure_state_dir(folder: Path) -> None:
    """Make the state directory where it is missing, private (0700).

    One that exists keeps its permissions: it may be a home folder or /tmp, which others need. What
    is private lies in folders of its own below it.

    Raises:
        LedgerError: it is no directory, a symbolic link, another user's, or not writable.
        TemporaryError: the disk is full.
    """
    _ensure(folder)


def ensure_folder(folder: Path) -> None:
    """Make ``folder``, which only bulkput uses, and its parents where missing; private (0700).

    Raises:
        LedgerError: it is no directory, a symbolic link, another user's, or not writable.
        TemporaryError: the disk is full.
    """
    status = _ensure(folder)
    _check_parent(folder)
    try:
        if stat.S_IMODE(status.st_mode) != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)
    except OSError as error:
        raise storage_error(folder, "make the folder private", error) from error


def _check_parent(folder: Path) -> None:
    """See that nobody else can put another folder in the place of ``folder``.

    A state directory that others write to, as /tmp is, may hold a folder or link of theirs by the
    name of one of bulkput's, such as ``series``; root's are nobody else's.
    """
    trusted = {0, os.geteuid()}
    for status in (folder.parent.lstat(), folder.parent.stat()):
        if status.st_uid not in trusted:
            raise LedgerError(
                folder.parent,
                f"belongs to user id {status.st_uid}, who could replace what is in it. Name another"
                " state_dir",
            )


def _ensure(folder: Path) -> os.stat_result:
    """Make ``folder`` where it is missing, see that it is usable, and return what it is."""
    try:
        folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        status = folder.lstat()
    except (FileExistsError, NotADirectoryError):
        raise LedgerError(
            folder, "must be a folder, but a file has this name. Name another state_dir"
        ) from None
    except OSError as error:
        raise storage_error(folder, "create the folder", error) from error
    if not stat.S_ISDIR(status.st_mode):
        raise LedgerError(folder, "is a symbolic link; a folder is needed. Name another state_dir")
    if status.st_uid != os.geteuid():
        raise LedgerError(
            folder,
            f"belongs to user id {status.st_uid}, and this is user id {os.geteuid()}. Run as the"
            f" same user, or name another state_dir{_mount_point_words(folder)}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        what = f"cannot be written to. Name another state_dir{_mount_point_words(folder)}"
        raise LedgerError(folder, what)
    return status


def _mount_point_words(folder: Path) -> str:
    """Return what helps with a file system that somebody else has mounted; else nothing."""
    if not folder.is_mount():
        return ""
    return (
        f": this one is a mount point, and a folder in it that belongs to you works, such as "
        f"{folder / 'bulkput'} (install -d -m 700 -o {os.geteuid()} {folder / 'bulkput'})"
    )
