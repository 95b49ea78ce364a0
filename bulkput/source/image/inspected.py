"""What an image's own header records: how long its disk is, and what it builds upon. Pure data.

QEMU has its own opinion of the length, which differs between its versions; it is compared with
this one, so that neither is believed alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkput.model.block import GIB_BYTES, VOLUME_SIZE_MAX_GIB
from bulkput.model.errors import SourceError
from bulkput.source.source_file import OpenedFile

SECTOR_BYTES = 512


@dataclass(frozen=True)
class Backing:
    """The image that an image shows where it has nothing itself."""

    name: str
    format: str | None
    """None: not named, so that it would have to be guessed."""


@dataclass(frozen=True)
class Inspected:
    """An image whose header was read and found sound."""

    disk_bytes: int
    """Length of the disk in it, from the header."""
    backing: Backing | None = None
    """None: it is whole in itself."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of QEMU's driver, so that it shows just that length."""

    def exported_bytes(self) -> int:
        """Return the length that QEMU is to export, which counts in sectors."""
        return -(-self.disk_bytes // SECTOR_BYTES) * SECTOR_BYTES


def check_disk_size(file: OpenedFile, size_bytes: int) -> None:
    """Refuse a length that no volume has, before tables of that length are gone through.

    Raises:
        SourceError: it is nothing, or more than 64 TiB.
    """
    if size_bytes == 0:
        raise SourceError(file.path, "holds a disk of no length")
    if size_bytes > VOLUME_SIZE_MAX_GIB * GIB_BYTES:
        what = f"holds a disk of {size_bytes} bytes, more than the largest volume (64 TiB)"
        raise SourceError(file.path, what)


def read_at(file: OpenedFile, at_bytes: int, length_bytes: int) -> bytes:
    """Return what a file has at a place that an image names, fewer bytes where it has fewer.

    Raises:
        OSError: it cannot be read.
    """
    length_bytes = min(length_bytes, file.size_bytes - at_bytes)
    return os.pread(file.fd, length_bytes, at_bytes) if length_bytes > 0 else b""
