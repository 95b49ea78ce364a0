"""Which image or archive format a source begins like: one table of magic numbers.

Owns the table, the choice between the configured and the found, and the sentences of refusal.
Decodes nothing: what is in the table is sent as the raw bytes of a disk only by mistake.
"""

from typing import TypeGuard, get_args

from bulkput.model.disk_format import Compression, Format, FormatChoice, ImageFormat
from bulkput.source.content.disk_signs import find_disk_sign
from bulkput.source.foreign_formats import FOREIGN
from bulkput.source.foreign_texts import detect_text
from bulkput.source.format_mark import FormatMark

HEAD_SIZE_BYTES = 256 << 10
"""What is looked at of both ends: as deep as ZFS's first label, and Btrfs' and md's superblocks."""

_FOOTER_OFFSET_BYTES = -512
"""A VHD's footer is its last 512 bytes; only its dynamic kinds have a copy in front."""

_OLD_FOOTER_OFFSET_BYTES = -511
"""Before Virtual PC 2004."""


def _qemu(name: str) -> str:
    return f"qemu-img convert -f {name} -O raw IMAGE disk.raw"


# The first match counts: a dynamic VHD is named by its head before its footer is looked at.
MARKS: tuple[FormatMark, ...] = (
    FormatMark("qcow2", b"QFI\xfb", 0, "qemu-img convert -O raw IMAGE disk.raw", "qcow2"),
    FormatMark("VMDK", b"KDMV", 0, _qemu("vmdk"), "vmdk"),
    FormatMark("VMDK (ESX sparse)", b"COWD", 0, _qemu("vmdk"), "vmdk"),
    FormatMark("VMDK descriptor", b"# Disk DescriptorFile", 0, _qemu("vmdk"), "vmdk"),
    FormatMark("VHD", b"conectix", 0, _qemu("vpc"), "vhd"),
    FormatMark("fixed VHD", b"conectix", _FOOTER_OFFSET_BYTES, _qemu("vpc"), "vhd"),
    FormatMark("fixed VHD", b"conectix", _OLD_FOOTER_OFFSET_BYTES, _qemu("vpc"), "vhd"),
    FormatMark("VHDX", b"vhdxfile", 0, _qemu("vhdx"), "vhdx"),
    FormatMark("VDI", b"\x7f\x10\xda\xbe", 0x40, _qemu("vdi"), "vdi"),
    FormatMark("gzip", b"\x1f\x8b\x08", 0, "gzip -dc IMAGE > disk.raw", "gzip"),
    FormatMark("xz", b"\xfd7zXZ\0", 0, "xz -dc IMAGE > disk.raw", "xz"),
    FormatMark("zstd", b"\x28\xb5\x2f\xfd", 0, "zstd -d IMAGE -o disk.raw", "zstd"),
    # RFC 8878, 3.1.2: 0x184D2A50 to 0x184D2A5F, little-endian; pzstd's files begin with one.
    *(
        FormatMark(
            "zstd (skippable frame)",
            bytes([nibble]) + b"\x2a\x4d\x18",
            0,
            "zstd -d IMAGE -o disk.raw",
            "zstd",
        )
        for nibble in range(0x50, 0x60)
    ),
    *(
        FormatMark("bzip2", b"BZh%d1AY&SY" % level, 0, "bzip2 -dc IMAGE > disk.raw")
        for level in range(1, 10)
    ),
    *FOREIGN,
)


def detect_format(head: bytes, foot: bytes) -> FormatMark | None:
    """Return the first mark that the source bears, or None for what looks raw.

    Args:
        head: Its first ``HEAD_SIZE_BYTES``, or all.
        foot: Its last ones, or all; none where the end is not known yet.
    """
    for mark in MARKS:
        # Only where it matters: most disks bear no mark at all.
        if mark.is_in(head, foot) and not (mark.is_weak and find_disk_sign(head, foot)):
            return mark
    text = detect_text(head)
    return text if text is not None and not find_disk_sign(head, foot) else None


def is_compression(format_: Format) -> TypeGuard[Compression]:
    """Return whether it is read from front to back only."""
    return format_ in get_args(Compression)


def is_image(format_: Format) -> TypeGuard[ImageFormat]:
    """Return whether it is read through QEMU."""
    return format_ in get_args(ImageFormat)


def choose_format(configured: FormatChoice, mark: FormatMark | None) -> Format:
    """Return how a source is read.

    Args:
        configured: By the user; ``auto`` goes by the content, ``raw`` never looks at it.
        mark: The format's sign in the content; None if there is none.

    Raises:
        ValueError: it is not read; the message is the reason, to follow the source's name.
    """
    if configured == "raw":
        return "raw"
    if configured == "auto":
        if mark is None:
            return "raw"
        if mark.read_as is None:
            raise ValueError(_refusal(mark))
        return mark.read_as
    if mark is None or mark.read_as != configured:
        like = "a raw disk, or a format that is not known" if mark is None else mark.name
        raise ValueError(
            f"is not {configured}, which the format is set to: it {_place(mark)} like {like}; "
            "correct the format, or set it to auto"
        )
    return configured


def _place(mark: FormatMark | None) -> str:
    return "ends" if mark is not None and mark.offset_bytes < 0 else "begins"


def _refusal(mark: FormatMark) -> str:
    return (
        f"{_place(mark)} like {mark.name}, not like a raw disk, and a volume made of these bytes "
        f"would not be that disk; what helps: {mark.conversion}; or set format: "
        "raw if it is the disk itself"
    )
