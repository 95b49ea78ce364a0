"""What an interrupted reading of a snapshot has got: digests in ascending order, for the next one.

A completed snapshot never changes, so what was once read of it holds. Of each record an index, its
digest and a CRC-32; a record that is torn or damaged, and all behind it, is read again. It is a
help only: where it cannot be kept, the snapshot is read from its beginning.
"""

import fcntl
import hashlib
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.record import Uint8Array
from bulkput.ledger.state_file import open_state_file, remove_file
from bulkput.model.block import DIGEST_SIZE_BYTES
from bulkput.model.errors import BulkputError

_MAGIC = b"BPPART1\n"
_RECORD = np.dtype([("index", "<u8"), ("digest", "u1", DIGEST_SIZE_BYTES), ("crc", "<u4")])
_HEAD_SIZE_BYTES = len(_MAGIC) + 32


class PartialManifest:
    """The digests of one snapshot so far; beside the manifest that is to be. Methods block."""

    def __init__(self, manifest_path: Path, key: Iterable[str]) -> None:
        """Open or create the file; never raises.

        Args:
            manifest_path: Of the whole manifest.
            key: What distinguishes the snapshot from all others: id, Region, endpoint.
        """
        self._path = manifest_path.with_name(f"{manifest_path.name}.part")
        self._descriptor: int | None = None
        self._at_bytes = _HEAD_SIZE_BYTES
        self._is_spent = False
        head = _MAGIC + hashlib.sha256("\0".join(key).encode("utf-8", "replace")).digest()
        with suppress(OSError, BulkputError):
            ensure_folder(self._path.parent)
            self._descriptor = open_state_file(self._path, os.O_RDWR | os.O_CREAT)
            # Somebody else may read the same snapshot: then this one keeps nothing.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.pread(self._descriptor, _HEAD_SIZE_BYTES, 0) != head:
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, head, 0)
            return
        self.close()

    def take(self, indexes: npt.NDArray[np.int64]) -> Uint8Array:
        """Return the digests that are known of the first of the next ``indexes``.

        Fewer than asked for means that nothing behind them is known.
        """
        found = np.empty(0, dtype=_RECORD)
        if not self._is_spent and self._descriptor is not None:
            with suppress(OSError):
                length_bytes = len(indexes) * _RECORD.itemsize
                content = os.pread(self._descriptor, length_bytes, self._at_bytes)
                whole = len(content) // _RECORD.itemsize
                found = np.frombuffer(content, dtype=_RECORD, count=whole)
        good = found["index"] == indexes[: len(found)]
        good &= found["crc"] == _sums(found["index"], found["digest"])
        count = len(found) if good.all() else int(np.argmin(good))
        self._is_spent = self._is_spent or count < len(indexes)
        self._at_bytes += count * _RECORD.itemsize
        return found["digest"][:count].copy()

    def add(self, indexes: npt.NDArray[np.int64], digests: Uint8Array) -> None:
        """Keep what was read behind all that is known; never raises."""
        if self._descriptor is None:
            return
        records = np.empty(len(indexes), dtype=_RECORD)
        records["index"], records["digest"] = indexes, digests
        records["crc"] = _sums(records["index"], records["digest"])
        content = records.tobytes()
        try:
            if os.pwrite(self._descriptor, content, self._at_bytes) != len(content):
                self.close()
        except OSError:
            self.close()
        self._at_bytes += len(content)

    def remove(self) -> None:
        """Remove the file: the whole manifest is there."""
        if self._descriptor is not None:
            with suppress(OSError, BulkputError):
                remove_file(self._path)
        self.close()

    def close(self) -> None:
        """Close the file, and let it stay; idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


def _sums(indexes: npt.NDArray[np.uint64], digests: Uint8Array) -> npt.NDArray[np.uint32]:
    pairs = zip(indexes, digests, strict=True)
    found = [zlib.crc32(digest.tobytes(), zlib.crc32(index.tobytes())) for index, digest in pairs]
    return np.array(found, dtype=np.uint32)
