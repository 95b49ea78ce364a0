"""What a VMDK image's header records, read before QEMU opens it.

After VMware's "Virtual Disk Format 5.0". Only an image that is one file is taken: its header must
be the disk's own, its descriptor must name no other file and no parent, and its end must be there.
"""

import struct
from typing import NamedTuple

import numpy as np

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import SECTOR_BYTES, Inspected, check_disk_size, read_at
from bulkput.source.image.vmdk_descriptor import Descriptor, parse_descriptor
from bulkput.source.source_file import OpenedFile

_HEADER = struct.Struct("<4sIIQQQQIQQQ?4sH")
_MAGIC = b"KDMV"
_DESCRIPTOR_AT_BYTES = 0x200
"""Where QEMU looks for it, whatever the header records."""
_DESCRIPTOR_MAX_BYTES = 1 << 20
_TABLE_MAX_BYTES = 64 << 20
"""Of a directory: 128 TiB in grains of 64 KiB."""
_GT_ENTRIES_MAX = 512
_GRAIN_MAX_SECTORS = 0x20_0000
"""QEMU's limit."""
_AT_END = (1 << 64) - 1
"""For the directory's place: the footer has it."""
_FOOTER_FROM_END_BYTES = 1024
"""A header once more, between its marker and the marker of the stream's end."""
_COMPRESSED_FLAG = 1 << 16

_WHOLE = frozenset({"monolithicSparse", "streamOptimized"})
_ADVICE = "; convert it first (qemu-img convert -f vmdk -O qcow2)"


class _Header(NamedTuple):
    """What counts of a sparse extent's header."""

    is_compressed: bool
    capacity_sectors: int
    grain_sectors: int
    descriptor_at_bytes: int
    descriptor_bytes: int
    gt_entries: int
    gd_at_sectors: int


def inspect_vmdk(file: OpenedFile) -> Inspected:
    """Return how long the disk is, if the image is whole in one file. Blocks.

    Raises:
        SourceError: it leads elsewhere, is cut short, contradicts itself, or is of an unknown kind.
        OSError: it cannot be read.
    """
    content = read_at(file, 0, _HEADER.size)
    if len(content) < _HEADER.size:
        raise SourceError(file.path, "begins like VMDK and ends within its header")
    header = _parse_header(content)
    if header is None:
        raise SourceError(
            file.path,
            "is a VMDK whose data lies in other files, or an ESX sparse extent; of a descriptor "
            "with a -flat.vmdk name that file, with format: raw; or" + _ADVICE[1:],
        )
    # Without a capacity QEMU takes the file for a mere descriptor and opens what it names.
    capacity, grain = header.capacity_sectors, header.grain_sectors
    if (
        not capacity
        or not 0 < grain <= _GRAIN_MAX_SECTORS
        or not 0 < header.gt_entries <= _GT_ENTRIES_MAX
    ):
        raise SourceError(file.path, "is a VMDK that is not a disk by itself" + _ADVICE)
    check_disk_size(file, capacity * SECTOR_BYTES)
    (named_sectors,) = _check_descriptor(file, header).extents_sectors
    # VirtualBox rounds the capacity up to whole grains, and the descriptor's number not.
    if not capacity - grain < named_sectors <= capacity:
        raise SourceError(
            file.path,
            f"is a VMDK of {capacity} sectors, as its header says, and of {named_sectors}, as its "
            "descriptor says: it is damaged",
        )
    if header.gd_at_sectors == _AT_END:
        _check_footer(file, header)
    else:
        _check_end(file, header)
    return Inspected(capacity * SECTOR_BYTES)


def _parse_header(content: bytes) -> _Header | None:
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return None
    _, _, flags, capacity, grain, desc_at, desc_sectors, entries, _, gd_at = _HEADER.unpack_from(
        content
    )[:10]
    return _Header(
        is_compressed=bool(flags & _COMPRESSED_FLAG),
        capacity_sectors=capacity,
        grain_sectors=grain,
        descriptor_at_bytes=desc_at * SECTOR_BYTES,
        descriptor_bytes=desc_sectors * SECTOR_BYTES,
        gt_entries=entries,
        gd_at_sectors=gd_at,
    )


def _check_descriptor(file: OpenedFile, header: _Header) -> Descriptor:
    at_bytes, length_bytes = header.descriptor_at_bytes, header.descriptor_bytes
    if not at_bytes or not length_bytes:
        what = "is one part of a VMDK disk that consists of several files"
        raise SourceError(file.path, what + _ADVICE)
    if length_bytes > _DESCRIPTOR_MAX_BYTES or at_bytes >= file.size_bytes:
        raise SourceError(file.path, "is a VMDK with a descriptor of an impossible size")
    content = read_at(file, at_bytes, length_bytes)
    # QEMU reads at this place in any case, so what stands there has to be as harmless.
    for each in (content, read_at(file, _DESCRIPTOR_AT_BYTES, length_bytes)):
        if parse_descriptor(each).has_parent:
            what = "is a VMDK with differences from a parent disk, which is not read"
            raise SourceError(file.path, what + _ADVICE)
    descriptor = parse_descriptor(content)
    if descriptor.kind not in _WHOLE or len(descriptor.extents_sectors) != 1:
        what = "is a VMDK whose disk is not, or not only, in this file"
        raise SourceError(file.path, what + _ADVICE)
    return descriptor


def _check_footer(file: OpenedFile, header: _Header) -> None:
    """Compare the two headers of a stream: QEMU goes by the one at the end alone.

    One that is not there is QEMU's to refuse.
    """
    start_bytes = max(0, file.size_bytes - _FOOTER_FROM_END_BYTES)
    footer = _parse_header(read_at(file, start_bytes, _HEADER.size))
    if footer is None:
        raise SourceError(file.path, "is a VMDK cut short: its footer is missing; copy it again")
    if footer.capacity_sectors != header.capacity_sectors:
        raise SourceError(
            file.path,
            f"is a VMDK of {header.capacity_sectors} sectors, as its header says, and of "
            f"{footer.capacity_sectors}, as its footer says: it is damaged",
        )


def _check_end(file: OpenedFile, header: _Header) -> None:
    """Check that every table and every grain in use lies within the file.

    QEMU would show what is missing as zeros. A compressed grain that is cut is QEMU's to find: it
    has a checksum. A table that several entries lead to is read once.
    """
    capacity, grain, entries = header.capacity_sectors, header.grain_sectors, header.gt_entries
    tables = -(-capacity // (grain * entries))
    if 4 * tables > _TABLE_MAX_BYTES:
        raise SourceError(file.path, "is a VMDK with tables of an impossible size")
    size_sectors = file.size_bytes // SECTOR_BYTES
    if header.is_compressed and file.size_bytes % SECTOR_BYTES:
        size_sectors += 1
    is_whole = header.gd_at_sectors < size_sectors
    directory = np.empty(0, "<u4")
    if is_whole:
        at_bytes = header.gd_at_sectors * SECTOR_BYTES
        directory = np.frombuffer(_whole_words(read_at(file, at_bytes, 4 * tables)), "<u4")
        is_whole = len(directory) == tables
    # The first entry that leads to a table leads to the longest part of the disk.
    places, indexes = np.unique(directory, return_index=True)
    if 4 * entries * max(0, len(places) - 1) > file.size_bytes:
        is_whole = False
    for place, index in zip(places.tolist(), indexes.tolist(), strict=True):
        if not place or not is_whole:
            continue
        table = read_at(file, place * SECTOR_BYTES, 4 * entries)
        grains = np.frombuffer(_whole_words(table), "<u4").astype(np.int64)
        is_whole &= len(grains) == entries
        used = np.flatnonzero(grains > 1)  # 1 stands for zeros
        # The disk's last grain may be short.
        rest = np.maximum(capacity - (index * entries + used) * grain, 0)
        lengths = 1 if header.is_compressed else np.minimum(grain, rest)
        is_whole &= not len(used) or int((grains[used] + lengths).max()) <= size_sectors
    if not is_whole:
        what = f"is a VMDK cut short: its tables lead beyond its {file.size_bytes} bytes"
        raise SourceError(file.path, what + "; copy it again")


def _whole_words(content: bytes) -> bytes:
    return content[: len(content) // 4 * 4]
