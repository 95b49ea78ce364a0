"""What a VMDK image says of itself, read before QEMU opens it.

After VMware's "Virtual Disk Format 5.0". Only an image that is one file is taken: its header must
be the disk's own, its descriptor must name no other file and no parent, and its end must be there.
"""

import os
import re
import struct

import numpy as np

from bulkput.model.errors import SourceError
from bulkput.source.source_file import OpenedFile

_HEADER = struct.Struct("<4sIIQQQQIQQQ?4sH")
_SECTOR_BYTES = 512
_DESCRIPTOR_AT_BYTES = 0x200
"""Where QEMU looks for it, whatever the header says."""
_DESCRIPTOR_MAX_BYTES = 1 << 20
_TABLE_MAX_BYTES = 64 << 20
"""Of a directory: 128 TiB in grains of 64 KiB."""
_GT_ENTRIES_MAX = 512
_AT_END = (1 << 64) - 1
"""For the directory's place: the footer tells it."""
_COMPRESSED_FLAG = 1 << 16

_WHOLE = frozenset({"monolithicSparse", "streamOptimized"})
_EXTENT = re.compile(r"^\s*(?:RW|RDONLY|NOACCESS)\s", re.MULTILINE)
_ADVICE = "; convert it first (qemu-img convert -f vmdk -O qcow2)"


def inspect_vmdk(file: OpenedFile) -> None:
    """Return if the image is whole in one file. Blocks.

    Raises:
        SourceError: it leads elsewhere or is cut short, or is of an unknown kind.
        OSError: it cannot be read.
    """
    head = os.pread(file.fd, _HEADER.size, 0)
    if len(head) < _HEADER.size:
        raise SourceError(file.path, "begins like VMDK and ends within its header")
    magic, _, flags, capacity, grain, descriptor_at, descriptor_sectors, entries, _, gd_at = (
        _HEADER.unpack(head)[:10]
    )
    if magic != b"KDMV":
        raise SourceError(
            file.path,
            "is a VMDK whose data lies in other files, or an ESX sparse extent; of a descriptor "
            "with a -flat.vmdk name that file, with format: raw; or" + _ADVICE[1:],
        )
    # Without a capacity QEMU takes the file for a mere descriptor and opens what it names.
    if not capacity or not grain or not 0 < entries <= _GT_ENTRIES_MAX:
        raise SourceError(file.path, "is a VMDK that is no disk by itself" + _ADVICE)
    _check_descriptor(file, descriptor_at * _SECTOR_BYTES, descriptor_sectors * _SECTOR_BYTES)
    if gd_at != _AT_END:
        _check_end(
            file, capacity, grain, entries, gd_at, is_compressed=bool(flags & _COMPRESSED_FLAG)
        )


def _check_descriptor(file: OpenedFile, at_bytes: int, length_bytes: int) -> None:
    if not at_bytes or not length_bytes:
        what = "is one part of a VMDK disk that consists of several files"
        raise SourceError(file.path, what + _ADVICE)
    if length_bytes > _DESCRIPTOR_MAX_BYTES:
        raise SourceError(file.path, "is a VMDK with a descriptor beyond all limits")
    descriptor = os.pread(file.fd, length_bytes, at_bytes)
    # QEMU reads at this place in any case, so what stands there has to be as harmless.
    for content in (descriptor, os.pread(file.fd, length_bytes, _DESCRIPTOR_AT_BYTES)):
        text = content.split(b"\0")[0].decode("utf-8", "replace")
        parent = re.search(r"^\s*parentCID\s*=\s*(\w+)", text, re.MULTILINE)
        if b"parentFileNameHint" in content or (parent and parent[1].lower() != "ffffffff"):
            what = "is a VMDK of what changed since its parent disk, which is not followed"
            raise SourceError(file.path, what + _ADVICE)
    text = descriptor.split(b"\0")[0].decode("utf-8", "replace")
    kind = re.search(r'^\s*createType\s*=\s*"([^"]*)"', text, re.MULTILINE)
    if kind is None or kind[1] not in _WHOLE or len(_EXTENT.findall(text)) != 1:
        what = "is a VMDK whose disk is not, or not only, in this file"
        raise SourceError(file.path, what + _ADVICE)


def _check_end(
    file: OpenedFile, capacity: int, grain: int, entries: int, gd_at: int, *, is_compressed: bool
) -> None:
    """Check that every table and every grain in use lies within the file.

    QEMU would show what is missing as zeros. A compressed grain that is cut is QEMU's to find: it
    has a checksum.
    """
    tables = -(-capacity // (grain * entries))
    if 4 * tables > _TABLE_MAX_BYTES:
        raise SourceError(file.path, "is a VMDK with tables beyond all limits")
    size_sectors = file.size_bytes // _SECTOR_BYTES
    if is_compressed and file.size_bytes % _SECTOR_BYTES:
        size_sectors += 1
    directory = np.frombuffer(os.pread(file.fd, 4 * tables, gd_at * _SECTOR_BYTES), "<u4")
    is_whole = len(directory) == tables
    for index in np.flatnonzero(directory).tolist():
        table = os.pread(file.fd, 4 * entries, int(directory[index]) * _SECTOR_BYTES)
        grains = np.frombuffer(table[: len(table) // 4 * 4], "<u4").astype(np.int64)
        is_whole &= len(grains) == entries
        used = np.flatnonzero(grains > 1)  # 1 stands for zeros
        # The disk's last grain may be short.
        rest = np.maximum(capacity - (index * entries + used) * grain, 0)
        lengths = 1 if is_compressed else np.minimum(grain, rest)
        is_whole &= not len(used) or int((grains[used] + lengths).max()) <= size_sectors
        if not is_whole:
            break
    if not is_whole:
        what = f"is a VMDK cut short: its tables lead beyond its {file.size_bytes} bytes"
        raise SourceError(file.path, what + "; copy it again")
