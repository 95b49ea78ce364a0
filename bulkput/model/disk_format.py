"""The forms in which a disk may be written down, by their names in configuration and results."""

from typing import Literal, get_args

ImageFormat = Literal["qcow2", "vmdk", "vhd", "vhdx", "vdi"]
"""Images with tables of their own."""

Compression = Literal["gzip", "xz", "zstd"]
"""A raw disk, compressed as a whole."""

Format = Literal["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "gzip", "xz", "zstd"]
FormatChoice = Literal["auto", "raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "gzip", "xz", "zstd"]


def decoder_of(format_: str | None) -> str | None:
    """Return what decodes a format; None of bytes that are read as they are.

    Whatever is compared with a source in such a format is compared with the decoder's opinion.
    """
    if format_ in get_args(ImageFormat):
        return "QEMU"
    return format_ if format_ in get_args(Compression) else None


def shared_decoder_note(format_: str | None) -> str | None:
    """Return what a comparison with a source in ``format_`` does not prove; None if nothing."""
    decoder = decoder_of(format_)
    if decoder is None:
        return None
    proves = (
        "its length alone was compared with the image's own header"
        if format_ in get_args(ImageFormat)
        else "what proves the decoding is the stream's own checksums, where it has any"
    )
    return (
        f"the disk was decoded by {decoder} for the upload and for the comparison, which so does "
        f"not prove the decoding: {proves}"
    )
