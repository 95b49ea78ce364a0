r"""The manifest of one completed snapshot: which blocks it has, and the SHA-256 of each.

It is what the snapshot was given, laid over what its parent shows: all that a reader of the
snapshot finds. A block that is absent was never written in the snapshot nor in any before it.
Unlike a ledger it never changes, is for one completed snapshot, and can be kept or carried
anywhere: the next increment is compared with it.

``SNAPSHOT.manifest``, format 1; integers little-endian:

================  =======  =======================================================================
offset            bytes    field
================  =======  =======================================================================
0                 8        magic ``bulkmft\n``
8                 4        version of this format, 1
12                4        H, bytes of the header
16                H        header: the facts of ``ManifestHeader`` as a JSON object in ASCII,
                           padded with blanks until the digests begin at a multiple of 64
16 + H            32 x N   digests: SHA-256 of each block that the snapshot has, by ascending index
16 + H + 32 x N   8 x R    runs of present blocks, ascending, each as long as can be:
                           first index x 2^32 + position of its digest among the N. A run ends
                           where the next one's digests begin, the last one with the last digest
... + 8 x R       8        N, blocks that are present
... + 8           8        R, runs
... + 16          32       SHA-256 of all bytes before
================  =======  =======================================================================

A full TiB has a manifest of 64 MiB, 64 TiB have one of 4 GiB.
"""

import hashlib
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bulkput.ledger.closing import Closing
from bulkput.ledger.manifest_header import ManifestHeader, decode_manifest_header
from bulkput.ledger.record import BoolArray, Uint8Array
from bulkput.ledger.state_file import open_state_file
from bulkput.ledger.storage import storage_error
from bulkput.model.block import BLOCK_COUNT_MAX, DIGEST_SIZE_BYTES, Extent
from bulkput.model.errors import DamagedManifestError, ManifestError

MAGIC = b"bulkmft\n"
MANIFEST_VERSION = 1
PRELUDE = struct.Struct("<8sII")
TRAILER = struct.Struct("<QQ")
ALIGNMENT_BYTES = 64
CHECKSUM_SIZE_BYTES = hashlib.sha256().digest_size
RUN_SIZE_BYTES = 8
HEADER_MAX_BYTES = 1 << 17
"""Four times the longest path that a header may hold."""

_FOLDER_NAME = "manifests"
_READ_BYTES = 1 << 20
_RUNS_AT_ONCE = 1 << 16
"""512 KiB of runs: checking and walking them takes as much memory, however many there are."""

Runs = npt.NDArray[np.uint64]


def manifest_path(state_dir: Path, snapshot_id: str) -> Path:
    """Return where the manifest of a snapshot is kept."""
    return state_dir / _FOLDER_NAME / f"{snapshot_id}.manifest"


class Manifest(Closing):
    """A manifest, read through a map of its file; made by ``open``. May be used by any thread."""

    def __init__(
        self, path: Path, header: ManifestHeader, file: mmap.mmap, digests: Uint8Array, runs: Runs
    ) -> None:
        self.path = path
        self.header = header
        self.present_count = len(digests)
        """Blocks that the snapshot has."""
        self._file = file
        self._digests = digests
        self._runs = runs

    @classmethod
    def open(cls, path: Path, *, is_named: bool = False) -> "Manifest":
        """Open a manifest and check all of it: about a second for each 2 TiB of blocks.

        Args:
            path: Of the file.
            is_named: The user named it: it may be anybody's, and a link. One of the state folder
                has to be one's own.

        Raises:
            LedgerError: it is in the state folder, and another user's or a link.
            ManifestError: there is none, or it is no manifest or one of another version.
            DamagedManifestError: it was cut or changed; names what does not hold.
        """
        try:
            descriptor = _open_named(path) if is_named else open_state_file(path, os.O_RDONLY)
        except FileNotFoundError:
            raise ManifestError(path, "there is no manifest here") from None
        except OSError as error:
            raise storage_error(path, "open the manifest", error) from error
        try:
            return cls._opened(path, descriptor)
        except OSError as error:
            raise storage_error(path, "read the manifest", error) from error
        finally:
            os.close(descriptor)

    @classmethod
    def _opened(cls, path: Path, descriptor: int) -> "Manifest":
        header_at, header_bytes = _checked_prelude(path, descriptor)
        _check_sum(path, descriptor)
        file = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        present, run_count = TRAILER.unpack_from(
            file, len(file) - CHECKSUM_SIZE_BYTES - TRAILER.size
        )
        digests_at = header_at + header_bytes
        runs_at = digests_at + present * DIGEST_SIZE_BYTES
        end = runs_at + run_count * RUN_SIZE_BYTES + TRAILER.size + CHECKSUM_SIZE_BYTES
        if present > BLOCK_COUNT_MAX or end != len(file):
            raise DamagedManifestError(path, "its counts do not fit its size")
        try:
            header = decode_manifest_header(file[header_at:digests_at])
        except ValueError as error:
            raise DamagedManifestError(path, f"its header: {error}") from None
        digests: Uint8Array = np.frombuffer(
            file, np.uint8, present * DIGEST_SIZE_BYTES, digests_at
        ).reshape(present, DIGEST_SIZE_BYTES)
        runs: Runs = np.frombuffer(file, np.dtype("<u8"), run_count, runs_at)
        found = cls(path, header, file, digests, runs)
        found._check_runs()
        return found

    def _check_runs(self) -> None:
        """Refuse runs that no writer makes: every look-up relies on their order."""
        floor = 0
        for at in range(0, len(self._runs), _RUNS_AT_ONCE):
            starts, counts = self._unpacked(at, at + _RUNS_AT_ONCE)
            stops = starts + counts
            ordered = (starts[1:] > stops[:-1]).all() and (counts > 0).all()
            if not ordered or starts[0] < floor or (at == 0 and self._position(0) != 0):
                raise DamagedManifestError(self.path, "its runs do not ascend")
            floor = int(stops[-1]) + 1
        if floor - 1 > self.header.block_count or (not len(self._runs) and self.present_count):
            raise DamagedManifestError(self.path, "its runs do not fit the volume")

    @property
    def stop(self) -> int:
        """One past the last block that the snapshot has; 0 if it has none."""
        starts, counts = self._unpacked(max(len(self._runs) - 1, 0), len(self._runs))
        return int(starts[0] + counts[0]) if len(counts) else 0

    def present(self, start: int, stop: int) -> BoolArray:
        """Return which blocks the snapshot has; blocks beyond the volume are absent."""
        first, last = self._overlapping(start, stop)
        starts, counts = self._unpacked(first, last)
        edges = np.zeros(stop - start + 1, dtype=np.int8)
        edges[np.maximum(starts, start) - start] += 1
        edges[np.minimum(starts + counts, stop) - start] -= 1
        return np.cumsum(edges[:-1], dtype=np.int8).astype(np.bool_)

    def digests(self, start: int, stop: int) -> Uint8Array:
        """Return the digests, one row of 32 bytes a block; zeros where a block is absent."""
        found = np.zeros((stop - start, DIGEST_SIZE_BYTES), dtype=np.uint8)
        present = self.present(start, stop)
        count = int(np.count_nonzero(present))
        if count:  # digests of neighbouring runs lie beside each other
            first, _ = self._overlapping(start, stop)
            starts, _ = self._unpacked(first, first + 1)
            position = self._position(first) + max(start - int(starts[0]), 0)
            found[present] = self._digests[position : position + count]
        return found

    def extents(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of blocks that the snapshot has, ascending."""
        end = self.header.block_count if stop is None else stop
        first, last = self._overlapping(start, end)
        for at in range(first, last, _RUNS_AT_ONCE):
            starts, counts = self._unpacked(at, min(at + _RUNS_AT_ONCE, last))
            for run_start, count in zip(starts.tolist(), counts.tolist(), strict=True):
                yield Extent(max(run_start, start), min(run_start + count, end))

    def _overlapping(self, start: int, stop: int) -> tuple[int, int]:
        """Return the slice of the runs that have a block from ``start`` up to ``stop``."""
        keys = np.array([max(start, 0) << 32 | 0xFFFF_FFFF, max(stop, 0) << 32], dtype=np.uint64)
        before, last = np.searchsorted(self._runs, keys).tolist()
        first = max(before - 1, 0)
        if first < last:
            starts, counts = self._unpacked(first, first + 1)
            first += bool(starts[0] + counts[0] <= start)
        return first, max(first, last)

    def _unpacked(
        self, first: int, last: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return start and count of runs; the last one ends with the last digest."""
        runs = self._runs[first : min(last + 1, len(self._runs))]
        positions = (runs & np.uint64(0xFFFF_FFFF)).astype(np.int64)
        if last >= len(self._runs):
            positions = np.append(positions, np.int64(self.present_count))
        starts = (runs >> np.uint64(32)).astype(np.int64)
        counts = np.diff(positions)
        return starts[: len(counts)], counts

    def _position(self, run: int) -> int:
        return int(self._runs[run] & np.uint64(0xFFFF_FFFF))

    def close(self) -> None:
        """Close the map; nothing may be asked any more. Idempotent."""
        self._digests = self._digests[:0].copy()
        self._runs = self._runs[:0].copy()
        self._file.close()


def _open_named(path: Path) -> int:
    # O_NONBLOCK, so that a named pipe is refused instead of waited for.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _checked_prelude(path: Path, descriptor: int) -> tuple[int, int]:
    """Return where the header begins and its size."""
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    prelude = os.pread(descriptor, PRELUDE.size, 0) if is_file else b""
    if not prelude.startswith(MAGIC):
        raise ManifestError(path, "is not a manifest of bulkput")
    if len(prelude) < PRELUDE.size:
        raise DamagedManifestError(path, "it was truncated within its first bytes")
    _, version, header_bytes = PRELUDE.unpack(prelude)
    if version != MANIFEST_VERSION:
        what = f"is a manifest of version {version}, and this program reads {MANIFEST_VERSION}"
        raise ManifestError(path, what)
    least = PRELUDE.size + header_bytes + TRAILER.size + CHECKSUM_SIZE_BYTES
    if header_bytes > HEADER_MAX_BYTES or os.fstat(descriptor).st_size < least:
        raise DamagedManifestError(path, "it was truncated, or its first bytes were changed")
    return PRELUDE.size, header_bytes


def _check_sum(path: Path, descriptor: int) -> None:
    """Compare the SHA-256, in bounded memory."""
    left = os.fstat(descriptor).st_size - CHECKSUM_SIZE_BYTES
    found = hashlib.sha256()
    buffer = memoryview(bytearray(_READ_BYTES))
    offset = 0
    while left:
        got = os.preadv(descriptor, [buffer[: min(left, _READ_BYTES)]], offset)
        if got == 0:
            break
        found.update(buffer[:got])
        offset, left = offset + got, left - got
    if os.pread(descriptor, CHECKSUM_SIZE_BYTES, offset) != found.digest():
        raise DamagedManifestError(path, "its SHA-256 does not match: it was truncated or changed")
