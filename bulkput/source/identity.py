"""What distinguishes one source from another, and from itself after a change.

Owns the facts of ``stat`` that count and the sentences about their differences. A device does not
report when it changed, so only its number and size are known. Never opens anything.
"""

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bulkput.model.errors import SourceError


@dataclass(frozen=True)
class SourceIdentity:
    """A source as it was at one moment; equal identities mean an unchanged file."""

    kind: Literal["file", "device"]
    device: int
    """``st_dev`` of a file, ``st_rdev`` of a block device."""
    inode: int
    """0 for a block device: its node may be made anew at every boot."""
    size_bytes: int
    mtime_ns: int
    """0 for a block device: writes to it leave its node's times alone."""
    ctime_ns: int
    """0 for a block device."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self)


def file_identity(status: os.stat_result) -> SourceIdentity:
    """Return the identity of a regular file."""
    return SourceIdentity(
        kind="file",
        device=status.st_dev,
        inode=status.st_ino,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
    )


def device_identity(status: os.stat_result, size_bytes: int) -> SourceIdentity:
    """Return the identity of a block device of ``size_bytes``."""
    return SourceIdentity(
        kind="device",
        device=status.st_rdev,
        inode=0,
        size_bytes=size_bytes,
        mtime_ns=0,
        ctime_ns=0,
    )


def difference(before: SourceIdentity, now: SourceIdentity) -> str | None:
    """Return how a source changed, in one sentence, or None."""
    if (before.kind, before.device, before.inode) != (now.kind, now.device, now.inode):
        return f"was replaced by another {now.kind}"
    if now.size_bytes < before.size_bytes:
        return f"was truncated from {before.size_bytes} to {now.size_bytes} bytes"
    if now.size_bytes > before.size_bytes:
        return f"grew from {before.size_bytes} to {now.size_bytes} bytes"
    if now.mtime_ns != before.mtime_ns:
        return "was modified"
    if now.ctime_ns != before.ctime_ns:
        return (
            "had its inode changed (owner, mode, links or name, "
            "or its content with the time set back)"
        )
    return None


_ADVICE = "; upload it again when nothing writes to it, for instance from a snapshot or a copy"


def check_same(path: Path, before: SourceIdentity, now: SourceIdentity) -> None:
    """Compare two moments of the source at ``path``.

    Raises:
        SourceError: they differ; the sentence describes how.
    """
    change = difference(before, now)
    if change is not None:
        raise SourceError(path, change + _ADVICE)


def check_path(path: Path, before: SourceIdentity) -> None:
    """Check that ``path`` still leads to the source that was opened.

    Raises:
        SourceError: it leads nowhere or to something else.
    """
    try:
        status = path.stat()
    except OSError as error:
        what = f"was removed or renamed ({error.strerror})"
        raise SourceError(path, what + _ADVICE) from error
    if before.kind == "device":
        found = (stat.S_ISBLK(status.st_mode), status.st_rdev, 0)
    else:
        found = (stat.S_ISREG(status.st_mode), status.st_dev, status.st_ino)
    if found != (True, before.device, before.inode):
        raise SourceError(path, "was replaced by something else" + _ADVICE)
