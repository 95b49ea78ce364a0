"""The first bytes of a table's file: what it is a table of, so that a swapped file is noticed.

Pure: bytes in, bytes out.
"""

import struct
import zlib

from bulkput.ledger.record import RECORD_SIZE_BYTES

MAGIC = b"bulkput\n"
TABLE_VERSION = 1
HEAD = struct.Struct("<8sIIQ48s4x")
HEAD_SIZE_BYTES = HEAD.size + 4
"""80 bytes, two records wide: the head's fields and their CRC-32."""


def file_size_bytes(block_count: int) -> int:
    """Return the size of a whole table; it never changes."""
    return HEAD_SIZE_BYTES + block_count * RECORD_SIZE_BYTES


def encode_head(snapshot_id: str, block_count: int) -> bytes:
    """Return the table's first 80 bytes."""
    head = HEAD.pack(
        MAGIC, TABLE_VERSION, RECORD_SIZE_BYTES, block_count, snapshot_id.encode("ascii")
    )
    return head + zlib.crc32(head).to_bytes(4, "little")


def head_holds(head: bytes) -> bool:
    """Return whether ``head`` is some table's undamaged head."""
    return (
        len(head) == HEAD_SIZE_BYTES
        and head.startswith(MAGIC)
        and zlib.crc32(head[: HEAD.size]) == int.from_bytes(head[HEAD.size :], "little")
    )


def describe_head(head: bytes) -> str:
    """Return the content of an undamaged ``head``, for people."""
    _, version, record_size_bytes, block_count, snapshot = HEAD.unpack(head[: HEAD.size])
    return (
        f"version {version}, {record_size_bytes} bytes a record, {block_count} blocks of"
        f" {snapshot.rstrip(bytes(1)).decode('ascii', 'replace')}"
    )
