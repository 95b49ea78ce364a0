"""What a VDI image's header records, read before QEMU opens it; after VirtualBox's VDICore.h."""

import struct

import numpy as np

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import Inspected, check_disk_size, read_at
from bulkput.source.source_file import OpenedFile

_KIND_AT_BYTES = 0x4C
_KINDS = {1: "dynamic", 2: "static"}
_MAP_AT_BYTES = 0x154
_DATA_AT_BYTES = 0x158
_DISK_SIZE_AT_BYTES = 0x170
_BLOCK_SIZE_AT_BYTES = 0x178
_BLOCKS_AT_BYTES = 0x180
_ALLOCATED_AT_BYTES = 0x184
_HEADER_BYTES = 512
_NOWHERE = 0xFFFF_FFFE
"""From here on an entry's block is nowhere: zeros, or never written."""
_BLOCKS_MAX = 64 << 20
"""64 TiB in blocks of 1 MiB, which all known writers use."""
_PIECE_BYTES = 4 << 20
"""Of a map, which has 4 bytes for each MiB of the disk: 1 TiB."""


def inspect_vdi(file: OpenedFile) -> Inspected:
    """Return how long the disk is, if the image is whole in itself. Blocks.

    Raises:
        SourceError: it is of what changed since a parent, or cut short.
        OSError: it cannot be read.
    """
    head, _ = file.ends(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES:
        raise SourceError(file.path, "begins like VDI and ends within its header")

    def field(at_bytes: int) -> int:
        return int(struct.unpack_from("<I", head, at_bytes)[0])

    if field(_KIND_AT_BYTES) not in _KINDS:
        what = "is a VDI with differences from a parent disk, which is not read"
        raise SourceError(file.path, f"{what}; merge the two first")
    (disk_bytes,) = struct.unpack_from("<Q", head, _DISK_SIZE_AT_BYTES)
    check_disk_size(file, disk_bytes)
    blocks, block_bytes = field(_BLOCKS_AT_BYTES), field(_BLOCK_SIZE_AT_BYTES)
    if disk_bytes > blocks * block_bytes:
        what = f"is a VDI of {disk_bytes} bytes with a map for {blocks * block_bytes}"
        raise SourceError(file.path, f"{what}: it is damaged")
    mapped = _blocks_of_map(file, field(_MAP_AT_BYTES), blocks)
    needed_bytes = field(_DATA_AT_BYTES) + block_bytes * max(mapped, field(_ALLOCATED_AT_BYTES))
    if needed_bytes > file.size_bytes:
        raise SourceError(
            file.path,
            f"is a VDI cut short: it has {file.size_bytes} of at least {needed_bytes} bytes; copy "
            "it again",
        )
    return Inspected(disk_bytes)


def _blocks_of_map(file: OpenedFile, at_bytes: int, entries: int) -> int:
    """Return how many blocks a map leads to: QEMU shows zeros for what lies behind the end.

    A map that is not all there itself is QEMU's to refuse, as the data behind it is not there.
    """
    blocks = 0
    map_bytes = 4 * min(entries, _BLOCKS_MAX)
    for start_bytes in range(0, map_bytes, _PIECE_BYTES):
        length_bytes = min(_PIECE_BYTES, map_bytes - start_bytes)
        piece = read_at(file, at_bytes + start_bytes, length_bytes)
        found = np.frombuffer(piece[: len(piece) // 4 * 4], "<u4")
        if not len(found):
            break
        used = found[found < _NOWHERE]
        if len(used):
            blocks = max(blocks, int(used.max()) + 1)
    return blocks
