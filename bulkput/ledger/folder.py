"""Where state lives: the state directory, and in it one private folder for each upload.

Owns names and permissions. Knows nothing of what the files in a folder hold.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bulkput.ledger.state_file import mount_point_text, opened_folder
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
        LedgerError: it is no directory, a symbolic link, another user's, one in which every user
            can replace files, or not writable.
        TemporaryError: the disk is full.
    """
    with _made(folder, is_top=True):
        pass


def ensure_folder(folder: Path) -> None:
    """Make ``folder``, which only bulkput uses, and its parents where missing; private (0700).

    Raises:
        LedgerError: it or its parent is no directory, a symbolic link, another user's, one in which
            every user can replace files, or not writable.
        TemporaryError: the disk is full.
    """
    with _made(folder) as descriptor:
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != FOLDER_MODE:
                os.fchmod(descriptor, FOLDER_MODE)
        except OSError as error:
            raise storage_error(folder, "make the folder private", error) from error


@contextmanager
def _made(folder: Path, *, is_top: bool = False) -> Iterator[int]:
    """Make ``folder`` where it is missing, see that it is usable, and yield a descriptor of it."""
    with ExitStack() as stack:
        try:
            folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            opened = opened_folder(folder, is_top=is_top, make=True)
            descriptor = stack.enter_context(opened)
        except (FileExistsError, NotADirectoryError):
            raise LedgerError(
                folder, "must be a folder, but a file has this name. Name another state_dir"
            ) from None
        except OSError as error:
            raise storage_error(folder, "create the folder", error) from error
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor):
            what = f"cannot be written to. Name another state_dir{mount_point_text(folder)}"
            if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
                what = "lies in a file system that is read-only. Name another state_dir"
            raise LedgerError(folder, what)
        yield descriptor
