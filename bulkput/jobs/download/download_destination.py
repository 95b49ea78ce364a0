"""Where a download goes: opened as it is, or as an earlier run left it; named at the end."""

import hashlib
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.destination.destination import Target, TargetKind
from bulkput.destination.open import (
    check_unused,
    open_device,
    open_existing_file,
    open_new_file,
    partial_path,
    replace,
)
from bulkput.jobs.download.in_place_guard import forget_others, require_no_partial_download
from bulkput.jobs.download.length import Length
from bulkput.jobs.download.request import DownloadRequest
from bulkput.ledger.download_state import Restoration
from bulkput.model.errors import DestinationError


@dataclass(frozen=True)
class DownloadDestination:
    """The file or device of one download. All methods block."""

    request: DownloadRequest
    path: Path
    """The real one."""
    restoration: Restoration
    """What is settled there."""

    def open(self, kind: TargetKind, length: Length, stack: ExitStack) -> Target:
        """Open it, until ``stack`` closes.

        Raises:
            DestinationError: it cannot be written, or is not what an earlier run left.
        """
        if kind == "device":
            target = open_device(self.path, length.size_bytes)
        elif self.request.changed_since is not None:
            target = open_existing_file(self.path, length.size_bytes)
        else:
            check_unused(self.path)
            target = self._open_partial(length)
        stack.callback(target.close)
        return target

    def _open_partial(self, length: Length) -> Target:
        """Open what an earlier run left, or a new file; then nothing counts as settled.

        A file system may give a new file the inode of a removed one, so the state alone does not
        know that the file is the one it speaks of.
        """
        partial_file = partial_path(self.path, self.request.snapshot_id)
        stored = self.restoration.stored()
        if not partial_file.exists():
            self.restoration.forget()
        elif not _is_left_by(stored, partial_file):
            # An empty one is what a run leaves that ended before it had noted the file.
            if not self.request.force and not _is_empty(partial_file):
                what = "exists, but does not belong to this download: remove it, or give --force"
                raise DestinationError(partial_file, what)
            self.restoration.forget()
        return open_new_file(partial_file, length.size_bytes)

    def take_up(
        self, target: Target, length: Length, block_count: int, *, older_bytes: int
    ) -> None:
        """Go on with what an earlier run settled, or begin anew.

        Args:
            target: Open.
            length: That it gets.
            block_count: Of the snapshot's volume.
            older_bytes: As many bytes of a device as the older snapshot describes.

        Raises:
            DestinationError: another download of it is half done.
            LedgerError: the state cannot be written.
        """
        facts = {
            "snapshot_id": self.request.snapshot_id,
            "changed_since": self.request.changed_since,
            "destination": hashlib.sha256(str(self.path).encode("utf-8", "replace")).hexdigest(),
            "length_bytes": length.size_bytes,
            "identity": target.identity,
        }
        if self.request.changed_since is not None:
            require_no_partial_download(target, self.restoration)
        self.restoration.open(facts, self.request.snapshot_id, block_count)
        if target.kind == "device":
            if self.request.changed_since is not None:
                target.zero_rest_of_block(older_bytes)
            return
        if self.request.changed_since is None and self.restoration.is_fresh:
            target.clear()
        else:
            target.set_length()

    def finish(self, target: Target) -> None:
        """Make it durable, give a file its name, and forget what was settled."""
        target.sync()
        if target.kind == "file" and self.request.changed_since is None:
            if not self.request.force:
                refuse_existing(self.path)  # it may have come up meanwhile
            replace(target.path, self.path)
        if self.request.changed_since is None:
            forget_others(target, self.restoration)
        self.restoration.remove()


def _is_empty(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and not status.st_size


def refuse_existing(path: Path) -> None:
    """Return if nothing is there.

    Raises:
        DestinationError: something is.
    """
    if path.exists():
        raise DestinationError(path, "exists; --force replaces it when the download is whole")


def _is_left_by(stored: Mapping[str, Any], partial_file: Path) -> bool:
    """Return whether the file is the one that an earlier run worked on, of its length still."""
    status = partial_file.stat()
    identity = {"device": status.st_dev, "inode": status.st_ino}
    return stored.get("identity") == identity and stored.get("length_bytes") == status.st_size
