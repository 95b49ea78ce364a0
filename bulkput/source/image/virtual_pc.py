"""What VHD, VHDX and VDI images say of themselves, read before QEMU opens them.

After Microsoft's "Virtual Hard Disk Image Format Specification" and VirtualBox's VDICore.h. QEMU
checks the ends of dynamic VHD and of VHDX images itself, in whole sectors, and refuses VHDX images
with a parent.
"""

import os
import struct

import numpy as np

from bulkput.model.errors import SourceError
from bulkput.source.source_file import OpenedFile

_VHD_KIND_AT_BYTES = 60
_VHD_KINDS = {2: "fixed", 3: "dynamic"}
_VHD_MAGIC = b"conectix"
_SECTOR_BYTES = 512

_VDI_KIND_AT_BYTES = 0x4C
_VDI_KINDS = {1: "dynamic", 2: "static"}
_VDI_MAP_AT_BYTES = 0x154
_VDI_DATA_AT_BYTES = 0x158
_VDI_BLOCK_SIZE_AT_BYTES = 0x178
_VDI_BLOCKS_AT_BYTES = 0x180
_VDI_ALLOCATED_AT_BYTES = 0x184
_VDI_NOWHERE = 0xFFFF_FFFE
"""From here on an entry says that its block is nowhere: zeros, or never written."""
_VDI_BLOCKS_MAX = 64 << 20
"""64 TiB; a longer disk is refused when it is open."""
_VDI_PIECE_BYTES = 4 << 20
"""Of a map, which has 4 bytes for each MiB of the disk: 4 TiB."""


def inspect_vhd(file: OpenedFile) -> None:
    """Return if the image is whole in itself. Blocks.

    Raises:
        SourceError: it is of what changed since a parent, which QEMU would show as zeros, or cut
            within a sector, which QEMU would fill up.
        OSError: it cannot be read.
    """
    head, foot = file.ends(_SECTOR_BYTES)
    # Before Virtual PC 2004 the footer was a byte shorter.
    if not foot[1:].startswith(_VHD_MAGIC):
        _check_sectors(file, "VHD")
    for copy in (head, foot):
        if copy.startswith(_VHD_MAGIC):
            (kind,) = struct.unpack_from(">I", copy, _VHD_KIND_AT_BYTES)
            if kind not in _VHD_KINDS:
                _refuse_differences(file, "VHD")


def inspect_vhdx(file: OpenedFile) -> None:
    """Return if the image has whole sectors. Blocks.

    Raises:
        SourceError: it is cut within one, which QEMU would fill up.
    """
    _check_sectors(file, "VHDX")


def inspect_vdi(file: OpenedFile) -> None:
    """Return if the image is whole in itself. Blocks.

    Raises:
        SourceError: it is of what changed since a parent, or cut short.
        OSError: it cannot be read.
    """
    head, _ = file.ends(512)
    if len(head) < 512:
        raise SourceError(file.path, "begins like VDI and ends within its header")

    def field(at_bytes: int) -> int:
        return int(struct.unpack_from("<I", head, at_bytes)[0])

    if field(_VDI_KIND_AT_BYTES) not in _VDI_KINDS:
        _refuse_differences(file, "VDI")
    mapped = _blocks_of_map(file, field(_VDI_MAP_AT_BYTES), field(_VDI_BLOCKS_AT_BYTES))
    blocks = max(mapped, field(_VDI_ALLOCATED_AT_BYTES))
    needed_bytes = field(_VDI_DATA_AT_BYTES) + field(_VDI_BLOCK_SIZE_AT_BYTES) * blocks
    if needed_bytes > file.size_bytes:
        raise SourceError(
            file.path,
            f"is a VDI cut short: it has {file.size_bytes} of at least {needed_bytes} bytes; copy "
            "it again",
        )


def _check_sectors(file: OpenedFile, name: str) -> None:
    if file.size_bytes % _SECTOR_BYTES:
        what = f"is a {name} cut short: its {file.size_bytes} bytes are no whole sectors"
        raise SourceError(file.path, f"{what}; copy it again")


def _blocks_of_map(file: OpenedFile, at_bytes: int, entries: int) -> int:
    """Return how many blocks a map leads to: QEMU shows zeros for what lies behind the end.

    A map that is not all there itself is QEMU's to refuse, as the data behind it is not there.
    """
    blocks = 0
    map_bytes = 4 * min(entries, _VDI_BLOCKS_MAX)
    for start_bytes in range(0, map_bytes, _VDI_PIECE_BYTES):
        length_bytes = min(_VDI_PIECE_BYTES, map_bytes - start_bytes)
        piece = os.pread(file.fd, length_bytes, at_bytes + start_bytes)
        found = np.frombuffer(piece[: len(piece) // 4 * 4], "<u4")
        if not len(found):
            break
        used = found[found < _VDI_NOWHERE]
        if len(used):
            blocks = max(blocks, int(used.max()) + 1)
    return blocks


def _refuse_differences(file: OpenedFile, name: str) -> None:
    what = f"is a {name} of what changed since its parent disk, which is not followed"
    raise SourceError(file.path, f"{what}; merge the two first")
