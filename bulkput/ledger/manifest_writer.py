"""Writing a manifest: digests in ascending order in, one whole file out, or none.

Memory stays the same whatever the snapshot's size: digests go to the file as they come, runs to a
file beside it until their place is known.
"""

import fcntl
import hashlib
import os
import secrets
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from bulkput.ledger.closing import Closing
from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.manifest import ALIGNMENT_BYTES, MAGIC, MANIFEST_VERSION, PRELUDE, TRAILER
from bulkput.ledger.manifest_header import ManifestHeader, encode_manifest_header
from bulkput.ledger.record import Uint8Array
from bulkput.ledger.state_file import create_in, opened_folder, put_in_place
from bulkput.ledger.storage import storage_error

_COPY_BYTES = 1 << 20


class ManifestWriter(Closing):
    """A manifest on its way; a context that removes what was not finished.

    Several may write the same one at once: each has a file of its own, and the last to finish
    stays. Methods block.

    Raises:
        LedgerError: the folder cannot be made or written to.
        TemporaryError: the disk is full.
    """

    def __init__(self, path: Path, header: ManifestHeader) -> None:
        self.path = path
        self.present_count = 0
        self._block_count = header.block_count
        self._stop = 0
        self._run_count = 0
        self._sum = hashlib.sha256()
        ensure_folder(path.parent)
        own = secrets.token_hex(8)
        self._new_path = path.with_name(f"{path.name}.{own}.new")
        content = encode_manifest_header(header)
        length = -(-(PRELUDE.size + len(content)) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        content = content.ljust(length - PRELUDE.size)
        with ExitStack() as stack:
            try:
                self._folder = stack.enter_context(opened_folder(path.parent))
                _remove_left_behind(self._folder, path)
                self._file = self._created(stack, self._new_path)
                stack.callback(self._unlink_new)
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX)
                runs_path = path.with_name(f"{path.name}.{own}.runs")
                self._runs = self._created(stack, runs_path)
                os.unlink(runs_path.name, dir_fd=self._folder)
            except OSError as error:
                raise storage_error(path, "create the manifest", error) from error
            self._write(PRELUDE.pack(MAGIC, MANIFEST_VERSION, len(content)) + content)
            self._opened = stack.pop_all()

    def _created(self, stack: ExitStack, path: Path) -> BinaryIO:
        file = os.fdopen(create_in(self._folder, path), "w+b")
        stack.callback(_close, file)
        return file

    def _unlink_new(self) -> None:
        with suppress(OSError):  # it has its name by now; or the disk fails, which was reported
            os.unlink(self._new_path.name, dir_fd=self._folder)

    def add(self, indexes: npt.NDArray[np.int64], digests: Uint8Array) -> None:
        """Append blocks.

        Args:
            indexes: Ascending, and above all that were added before.
            digests: One row of 32 bytes for each.

        Raises:
            ValueError: they are not in order, or not of the volume.
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        if not len(indexes):
            return
        steps = np.diff(indexes, prepend=self._stop - 1)
        if (steps < 1).any() or indexes[-1] >= self._block_count:
            raise ValueError("blocks come in ascending order and lie in the volume")
        begins = steps > 1
        if not self._run_count:
            begins[0] = True
        positions = np.flatnonzero(begins)
        runs = indexes[positions].astype(np.uint64) << np.uint64(32)
        runs |= (positions + self.present_count).astype(np.uint64)
        try:
            self._runs.write(runs.astype("<u8").tobytes())
        except OSError as error:
            raise storage_error(self.path, "write the manifest", error) from error
        self._write(np.ascontiguousarray(digests).tobytes())
        self._run_count += len(runs)
        self.present_count += len(indexes)
        self._stop = int(indexes[-1]) + 1

    def finish(self) -> None:
        """Make the file whole and put it in its place, durably; a crash leaves the old or the new.

        Raises:
            LedgerError: the file cannot be written.
            TemporaryError: the disk is full.
        """
        try:
            self._runs.seek(0)
            while content := self._runs.read(_COPY_BYTES):
                self._write(content)
            self._write(TRAILER.pack(self.present_count, self._run_count))
            self._write(self._sum.digest())
            self._file.flush()
            os.fsync(self._file.fileno())
            put_in_place(self._folder, self._new_path, self.path)
        except OSError as error:
            raise storage_error(self.path, "write the manifest", error) from error
        self.close()

    def _write(self, content: bytes) -> None:
        self._sum.update(content)
        try:
            self._file.write(content)
        except OSError as error:
            raise storage_error(self.path, "write the manifest", error) from error

    def close(self) -> None:
        """Give up what is not finished; idempotent."""
        self._opened.close()


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # what a full disk left in the buffer
        file.close()


def _remove_left_behind(folder: int, path: Path) -> None:
    """Remove files of writers that died: those that nobody holds."""
    for name in os.listdir(folder):
        if not name.startswith(f"{path.name}.") or not name.endswith((".new", ".runs")):
            continue
        with suppress(OSError):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(descriptor)
