"""One record of the digest table: its bytes, its states, its CRC, for one or for millions at once.

Pure: arrays in, arrays out. Knows no file, no header, and not why a block has its state.
"""

import struct
import zlib
from collections.abc import Callable, Collection
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bulkput.model.block import DIGEST_SIZE_BYTES


class State(IntEnum):
    """What is known of a block in this snapshot."""

    UNKNOWN = 0
    """Never sent, or never considered. All bytes zero, so that a hole in the file means it too."""
    SENT = 1
    """A put with this digest may have left: it may be in the snapshot. Must be put."""
    ACKNOWLEDGED = 2
    """In the snapshot: the service echoed this digest."""
    SKIPPED_ZERO = 3
    """Read, found to be zeros, and left out under the policy in force. Never sent."""
    UNCHANGED = 4
    """Equal to the baseline and left out. Never sent. The digest is the baseline's to know."""
    LOST = 255
    """Never on disk: what stood here cannot be read, so the block may have been sent. Must be put.
    """


RECORD = np.dtype(
    [
        ("digest", "u1", (DIGEST_SIZE_BYTES,)),
        ("state", "u1"),
        ("reserved", "u1", (3,)),
        ("crc32", "<u4"),
    ]
)
"""40 bytes: 64 TiB, 134,217,728 blocks, make a file of 5 GiB."""

RECORD_SIZE_BYTES = RECORD.itemsize

Records = npt.NDArray[np.void]
"""A contiguous array of ``RECORD``."""
Uint8Array = npt.NDArray[np.uint8]
Uint16Array = npt.NDArray[np.uint16]
Uint32Array = npt.NDArray[np.uint32]
BoolArray = npt.NDArray[np.bool_]

_CHECKED = struct.Struct(f"<Q{DIGEST_SIZE_BYTES}sB3x")
"""What the CRC covers after the snapshot id: index, digest, state, reserved zeros."""
_INDEX_SIZE_BYTES = 8
_WORD_BYTES = 2
_RECORD_WORDS = RECORD_SIZE_BYTES // _WORD_BYTES
_CHECKED_RECORD_WORDS = (_CHECKED.size - _INDEX_SIZE_BYTES) // _WORD_BYTES
_STORED = (State.SENT, State.ACKNOWLEDGED, State.SKIPPED_ZERO, State.UNCHANGED)
_MUST_BE_PUT = (State.SENT, State.LOST)
_MAY_BE_IN_SNAPSHOT = (*_MUST_BE_PUT, State.ACKNOWLEDGED)


@cache
def _word_tables() -> Uint32Array:
    """Return, for each 16-bit word of the checked bytes, what each value adds to the CRC.

    For messages of one length CRC-32 is affine over XOR, so a record's CRC is a constant XORed
    with one table entry a word. 22 tables of 256 KiB. Measured: 35 ns a record, against 50 ns with
    8-bit tables and 180 ns with one zlib call each.
    """
    blank = bytes(_CHECKED.size)
    blank_crc = zlib.crc32(blank)
    by_byte = np.empty((_CHECKED.size, 256), dtype=np.uint32)
    message = bytearray(blank)
    for position in range(_CHECKED.size):
        for value in range(256):
            message[position] = value
            by_byte[position, value] = zlib.crc32(message) ^ blank_crc
        message[position] = 0
    low, high = by_byte[0::2], by_byte[1::2]
    return np.ascontiguousarray((high[:, :, None] ^ low[:, None, :]).reshape(-1, 1 << 16))


def _add_words(crcs: Uint32Array, first_table: int, columns: list[Uint16Array]) -> None:
    tables = _word_tables()
    terms = np.empty_like(crcs)
    for offset, column in enumerate(columns):
        # "clip" spares a bounds check and a second buffer; a uint16 cannot be out of bounds.
        np.take(tables[first_table + offset], column, out=terms, mode="clip")
        crcs ^= terms


def _add_indexes(crcs: Uint32Array, indexes: Uint32Array) -> None:
    # 134,217,728 indexes fit in two words; the upper two are zero and add nothing.
    _add_words(crcs, 0, [indexes.astype(np.uint16), (indexes >> 16).astype(np.uint16)])


def among(states: Uint8Array, wanted: Collection[State]) -> BoolArray:
    """Return which of ``states`` are one of ``wanted``."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(wanted)] = True
    return table[states]


def may_be_in_snapshot(states: Uint8Array) -> BoolArray:
    """Return which blocks some put may have reached: they can never be left out again.

    The one rule on which it hangs that a snapshot is right.
    """
    return among(states, _MAY_BE_IN_SNAPSHOT)


def never_sent(states: Uint8Array) -> BoolArray:
    """Return which blocks cannot be in the snapshot, and may still be left out."""
    return ~may_be_in_snapshot(states)


def must_be_put(states: Uint8Array) -> BoolArray:
    """Return which blocks may be in the snapshot with unknown content.

    They are put in any case, as zeros if they would be skipped now.
    """
    return among(states, _MUST_BE_PUT)


def is_acknowledged(states: Uint8Array) -> BoolArray:
    """Return which blocks are in the snapshot with the digest of their record."""
    acknowledged: BoolArray = states == State.ACKNOWLEDGED
    return acknowledged


class Vouched(NamedTuple):
    """Blocks that need no work while the source is what it was; disjoint masks."""

    resumed: BoolArray
    """In the snapshot."""
    skipped: BoolArray
    """Zeros, left out."""
    unchanged: BoolArray
    """Equal to the parent's, left out."""

    @property
    def blocks(self) -> BoolArray:
        """All of them."""
        return self.resumed | self.skipped | self.unchanged


def vouched_for(states: Uint8Array, *, skip_zeros: bool) -> Vouched:
    """Return what the ledger vouches for, of a source that did not change since.

    Args:
        states: Shape ``(block_count,)``.
        skip_zeros: Whether the policy of this run leaves out blocks of zeros too.
    """
    return Vouched(
        resumed=is_acknowledged(states),
        skipped=(states == State.SKIPPED_ZERO) & skip_zeros,
        unchanged=states == State.UNCHANGED,
    )


class RecordCodec:
    """Writes and reads the records of one snapshot; the CRC ties each to it and to its index."""

    def __init__(self, snapshot_id: str) -> None:
        self._seed = zlib.crc32(snapshot_id.encode("ascii"))
        self._blank_crc = np.uint32(zlib.crc32(bytes(_CHECKED.size), self._seed))

    def encoder(self) -> Callable[[int, State, bytes], bytes]:
        """Return a fast function of index, state and digest that makes one record's bytes."""
        seed, pack, crc32 = self._seed, _CHECKED.pack, zlib.crc32

        def encode(index: int, state: State, digest: bytes) -> bytes:
            if len(digest) != DIGEST_SIZE_BYTES:
                raise ValueError(f"a digest has {DIGEST_SIZE_BYTES} bytes, not {len(digest)}")
            checked = pack(index, digest, state)
            return checked[_INDEX_SIZE_BYTES:] + crc32(checked, seed).to_bytes(4, "little")

        return encode

    def fill(self, start: int, count: int, state: State, digest: bytes) -> Records:
        """Return ``count`` records from index ``start`` on that share a state and a digest."""
        record = np.frombuffer(self.encoder()(0, state, digest), dtype=RECORD)
        records = np.repeat(record, count)
        crcs = records["crc32"].copy()
        _add_indexes(crcs, np.arange(start, start + count, dtype=np.uint32))
        records["crc32"] = crcs
        return records

    def crc32(self, records: Records, indexes: Uint32Array) -> Uint32Array:
        """Return the CRC-32 that each record should carry at its index."""
        crcs = np.full(len(records), self._blank_crc, dtype=np.uint32)
        _add_indexes(crcs, indexes)
        words = records.view("<u2").reshape(len(records), _RECORD_WORDS)
        columns = [words[:, word] for word in range(_CHECKED_RECORD_WORDS)]
        _add_words(crcs, _INDEX_SIZE_BYTES // _WORD_BYTES, columns)
        return crcs

    def states(self, records: Records, start: int, blank: State = State.UNKNOWN) -> Uint8Array:
        """Return each record's state: ``blank`` where all is zero, LOST where the CRC fails."""
        words = records.view("<u8").reshape(len(records), RECORD_SIZE_BYTES // 8)
        # Five passes over columns take a third of the time of any(axis=1).
        used = np.flatnonzero(words[:, 0] | words[:, 1] | words[:, 2] | words[:, 3] | words[:, 4])
        states = np.full(len(records), blank, dtype=np.uint8)
        if len(used):
            kept = records if len(used) == len(records) else records[used]
            found = kept["state"].copy()
            holds = self.crc32(kept, (used + start).astype(np.uint32)) == kept["crc32"]
            holds &= among(found, _STORED)
            found[~holds] = State.LOST
            states[used] = found
        return states
