"""What a VHD image's footer records, read before QEMU opens it.

After Microsoft's "Virtual Hard Disk Image Format Specification". Owns the disk's length: a footer
has it twice, as "current size" and as cylinders x heads x sectors, which is rounded down. QEMU
goes by a list of creators that differs between its versions (7.2 lacks Azure's `wa`, and takes
cylinders for all that it does not know), so it is always given which of the two counts.
"""

import struct
from typing import NamedTuple

from bulkput.model.errors import SourceError
from bulkput.source.image.inspected import SECTOR_BYTES, Inspected, check_disk_size, read_at
from bulkput.source.source_file import OpenedFile

MAGIC = b"conectix"
FOOTER_BYTES = 512
OLD_FOOTER_BYTES = 511
"""Before Virtual PC 2004."""

FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4

_FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII")
_CHECKSUM_AT_BYTES = 64
_SPARSE_HEADER = struct.Struct(">8sQQIII")
_SPARSE_MAGIC = b"cxsparse"

_GEOMETRY_MAX_SECTORS = 65535 * 16 * 255
"""127.5 GiB: what the geometry gives for every longer disk."""


class Footer(NamedTuple):
    """What counts of a footer."""

    data_at_bytes: int
    """Of the header of the dynamic kinds."""
    size_bytes: int
    """The "current size": the disk's length, as Hyper-V, Azure and XenServer see it."""
    geometry_bytes: int
    """Cylinders x heads x sectors, as Virtual PC sees it."""
    kind: int
    is_sound: bool
    """Whether its checksum holds."""


def parse_footer(content: bytes) -> Footer | None:
    """Return the content of a footer of 512 or 511 bytes; None if it is none."""
    if len(content) < _FOOTER.size or not content.startswith(MAGIC):
        return None
    fields = _FOOTER.unpack_from(content)
    cylinders, heads, sectors, kind, checksum = fields[10:15]
    summed = sum(content) - sum(content[_CHECKSUM_AT_BYTES : _CHECKSUM_AT_BYTES + 4])
    return Footer(
        data_at_bytes=fields[3],
        size_bytes=fields[9],
        geometry_bytes=cylinders * heads * sectors * SECTOR_BYTES,
        kind=kind,
        is_sound=checksum == ~summed & 0xFFFF_FFFF,
    )


def inspect_vhd(file: OpenedFile) -> Inspected:
    """Return how long the disk is, if the image is whole in itself. Blocks.

    Raises:
        SourceError: it is of what changed since a parent, which QEMU would show as zeros; is cut
            within a sector, which QEMU would fill up; or is damaged, or contradicts itself.
        OSError: it cannot be read.
    """
    head_content, foot_content = file.ends(FOOTER_BYTES)
    head, foot = parse_footer(head_content), parse_footer(foot_content)
    footer_bytes = FOOTER_BYTES
    if foot is None and (foot := parse_footer(foot_content[1:])) is not None:
        footer_bytes = OLD_FOOTER_BYTES
    elif file.size_bytes % SECTOR_BYTES:
        what = f"is a VHD cut short: its {file.size_bytes} bytes are not whole sectors"
        raise SourceError(file.path, f"{what}; copy it again")
    copies = [each for each in (head, foot) if each is not None]
    if not copies:
        raise SourceError(file.path, "is no VHD: it has no footer")
    for each in copies:
        _check_kind(file, each)
    first = copies[0]
    check_disk_size(file, first.size_bytes)
    if head is None:
        return _fixed(file, first, file.size_bytes - footer_bytes)
    if foot is not None and foot.size_bytes != head.size_bytes:
        what = (
            f"is a VHD whose two footers differ: of {head.size_bytes} and {foot.size_bytes} bytes"
        )
        raise SourceError(file.path, f"{what}; convert it where it was made")
    return _dynamic(file, head)


def _check_kind(file: OpenedFile, footer: Footer) -> None:
    if footer.kind == DIFFERENCING:
        what = "is a VHD with differences from a parent disk, which is not read"
        raise SourceError(file.path, f"{what}; merge the two first")
    if footer.kind not in {FIXED, DYNAMIC}:
        raise SourceError(file.path, f"is a VHD of a kind that is not known ({footer.kind})")
    if not footer.is_sound:
        what = "is a VHD whose footer is damaged: its checksum does not hold"
        raise SourceError(file.path, f"{what}; copy it again")


def _fixed(file: OpenedFile, footer: Footer, data_bytes: int) -> Inspected:
    """Return the length of a disk that is written down as it is, with a footer behind it."""
    if footer.size_bytes > data_bytes:
        what = f"is a VHD cut short: it has {data_bytes} bytes of a disk of {footer.size_bytes}"
        raise SourceError(file.path, f"{what}; copy it again")
    if footer.size_bytes < data_bytes:
        raise SourceError(
            file.path,
            f"is a fixed VHD of {footer.size_bytes} bytes, as its footer says, and has "
            f"{data_bytes} before it: which is right cannot be seen; cut the footer off "
            f"(truncate -s {data_bytes}) and use format: raw if it is all of them",
        )
    if data_bytes % SECTOR_BYTES:
        raise SourceError(file.path, f"is a VHD of {data_bytes} bytes, which are not whole sectors")
    return Inspected(footer.size_bytes, options={"force_size_calc": "current_size"})


def _dynamic(file: OpenedFile, footer: Footer) -> Inspected:
    """Return the length of a disk in blocks: the longer of the two, so that nothing is lost.

    QEMU before 2.0 wrote the size that was asked for, rounded it up to whole cylinders, and showed
    these to the guest.
    """
    content = read_at(file, footer.data_at_bytes, _SPARSE_HEADER.size)
    if len(content) < _SPARSE_HEADER.size or not content.startswith(_SPARSE_MAGIC):
        what = "is a VHD whose header is not where its footer says: it is damaged or cut short"
        raise SourceError(file.path, what)
    blocks, block_bytes = _SPARSE_HEADER.unpack(content)[4:]
    room_bytes = blocks * block_bytes
    if footer.size_bytes > room_bytes:
        what = f"is a VHD of {footer.size_bytes} bytes with a table for {room_bytes}"
        raise SourceError(file.path, f"{what}: it is damaged")
    is_by_geometry = (
        footer.size_bytes < footer.geometry_bytes <= room_bytes
        and footer.geometry_bytes < _GEOMETRY_MAX_SECTORS * SECTOR_BYTES
    )
    if is_by_geometry:
        return Inspected(footer.geometry_bytes, options={"force_size_calc": "chs"})
    if footer.size_bytes % SECTOR_BYTES:
        what = f"is a VHD of {footer.size_bytes} bytes, which are not whole sectors"
        raise SourceError(file.path, what)
    return Inspected(footer.size_bytes, options={"force_size_calc": "current_size"})
