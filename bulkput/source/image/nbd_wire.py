"""The NBD protocol's numbers and forms, as far as a reader of one export needs them. Pure.

After doc/proto.md of the NBD project: fixed newstyle negotiation and structured replies.
"""

import struct
from enum import IntEnum, IntFlag

SERVER_MAGIC = b"NBDMAGICIHAVEOPT"
OPTION_MAGIC = 0x49484156454F5054
OPTION_REPLY_MAGIC = 0x0003E889045565A9
REQUEST_MAGIC = 0x25609513
STRUCTURED_REPLY_MAGIC = 0x668E33EF

GREETING = struct.Struct(">16sH")
CLIENT_FLAGS = struct.Struct(">I")
OPTION = struct.Struct(">QII")
OPTION_REPLY = struct.Struct(">QIII")
REQUEST = struct.Struct(">IHHQQI")
CHUNK = struct.Struct(">IHHQI")
DATA_OFFSET = struct.Struct(">Q")
HOLE = struct.Struct(">QI")
ERROR = struct.Struct(">IH")
CONTEXT_ID = struct.Struct(">I")
STATUS = struct.Struct(">II")
EXPORT_INFO = struct.Struct(">HQH")

FIXED_NEWSTYLE = 1
NO_ZEROES = 2
DONE = 1
"""The flag of a reply's last chunk."""

BASE_ALLOCATION = b"base:allocation"

OPTION_REPLY_SIZE_MAX_BYTES = 64 << 10
"""Names and sizes only: QEMU's longest is below 5 KiB."""

STATUS_SIZE_MAX_BYTES = 2 << 20
"""QEMU sends at most 1 MiB of extents in one answer."""

ERROR_TEXT_MAX_BYTES = 4096
"""The protocol's own limit for strings."""


class Option(IntEnum):
    """What the client asks for before the disk is read."""

    GO = 7
    STRUCTURED_REPLY = 8
    SET_META_CONTEXT = 10


class OptionReply(IntEnum):
    """What the server answers to it."""

    ACK = 1
    INFO = 3
    META_CONTEXT = 4
    ERROR = 1 << 31
    """This and all above."""


class Command(IntEnum):
    """What is done with the disk."""

    READ = 0
    DISCONNECT = 2
    BLOCK_STATUS = 7


SEND_DONT_FRAGMENT = 1 << 7
"""An export's flag: answers to reads can be had in one piece."""

DONT_FRAGMENT = 1 << 2
"""The flag of a read that asks for it."""


class Chunk(IntEnum):
    """Parts of a structured reply."""

    NONE = 0
    OFFSET_DATA = 1
    OFFSET_HOLE = 2
    BLOCK_STATUS = 5
    ERROR = (1 << 15) + 1
    ERROR_OFFSET = (1 << 15) + 2


class Allocation(IntFlag):
    """Flags of a run in ``base:allocation``."""

    HOLE = 1
    ZERO = 2


def option(number: Option, payload: bytes = b"") -> bytes:
    """Return one option as it is sent."""
    return OPTION.pack(OPTION_MAGIC, number, len(payload)) + payload


def go(export: bytes = b"") -> bytes:
    """Return the option that ends the negotiation; the empty name is the default export."""
    return option(Option.GO, struct.pack(">I", len(export)) + export + struct.pack(">H", 0))


def set_meta_context(export: bytes = b"") -> bytes:
    """Return the option that asks for allocation in answers to BLOCK_STATUS."""
    return option(
        Option.SET_META_CONTEXT,
        struct.pack(">I", len(export))
        + export
        + struct.pack(">II", 1, len(BASE_ALLOCATION))
        + BASE_ALLOCATION,
    )
