"""The forms in which a disk may be written down, by their names in configuration and results."""

from typing import Literal

ImageFormat = Literal["qcow2", "vmdk", "vhd", "vhdx", "vdi"]
"""Images with tables of their own."""

Compression = Literal["gzip", "xz", "zstd"]
"""A raw disk, compressed as a whole."""

Format = Literal["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "gzip", "xz", "zstd"]
FormatChoice = Literal["auto", "raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "gzip", "xz", "zstd"]
