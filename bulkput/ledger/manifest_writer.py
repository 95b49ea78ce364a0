"""Writing a manifest: digests in ascending order in, one whole file out, or none.

Memory stays the same whatever the snapshot's size: digests go to the file as they come, runs to a
file beside it until their place is known.
"""

import fcntl
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.manifest import ALIGNMENT_BYTES, MAGIC, MANIFEST_VERSION, PRELUDE, TRAILER
from bulkput.ledger.manifest_header import ManifestHeader, encode_manifest_header
from bulkput.ledger.record import Uint8Array
from bulkput.ledger.storage import storage_error, sync_folder

_COPY_BYTES = 1 << 20


class ManifestWriter:
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
        _remove_left_behind(path)
        try:
            # mkstemp gives 0600.
            descriptor, name = tempfile.mkstemp(".new", f"{path.name}.", path.parent)
            self._new_path = Path(name)
            self._file = os.fdopen(descriptor, "wb")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._runs = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by close
        except OSError as error:
            raise storage_error(path, "create the manifest", error) from error
        content = encode_manifest_header(header)
        length = -(-(PRELUDE.size + len(content)) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        content = content.ljust(length - PRELUDE.size)
        self._write(PRELUDE.pack(MAGIC, MANIFEST_VERSION, len(content)) + content)

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
            self._new_path.replace(self.path)
            sync_folder(self.path.parent)
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
        with suppress(OSError):  # what a full disk left in the buffer
            self._file.close()
        self._runs.close()
        self._new_path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _remove_left_behind(path: Path) -> None:
    """Remove files of writers that died: those that nobody holds."""
    for left in path.parent.glob(f"{path.name}.*.new"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            finally:
                os.close(descriptor)
