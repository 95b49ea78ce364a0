"""How many bytes a destination gets: the volume's, or the source's where a manifest knows it.

Pure.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Length:
    """How many bytes the destination gets, and how that is known."""

    size_bytes: int
    known_from: str
    """``manifest`` or ``volume``."""


class SnapshotSizes(NamedTuple):
    """How long the content of a snapshot is."""

    volume_bytes: int
    source_bytes: int | None
    """Of what was uploaded; None if no manifest records it, or the whole volume is wanted."""

    @property
    def whole(self) -> Length:
        """All of the volume."""
        return Length(self.volume_bytes, "volume")

    @property
    def shortest(self) -> Length:
        """As long as the source was, where that is known."""
        known = self.source_bytes
        return self.whole if known is None else Length(known, "manifest")


class Present(NamedTuple):
    """What is at the destination before the download."""

    size_bytes: int
    """0 where there is nothing."""
    is_device: bool


def length_to_give(sizes: SnapshotSizes, present: Present) -> Length:
    """Return the length of a destination that is written as a whole, and of any device."""
    if present.is_device and present.size_bytes >= sizes.volume_bytes:
        return sizes.whole  # whoever reads it there reads all of the volume
    return sizes.shortest


def length_in_place(
    sizes: SnapshotSizes,
    older: SnapshotSizes,
    present: Present,
    partial_length_bytes: int | None,
) -> Length | None:
    """Return the length of a file that holds an older snapshot; None if it cannot hold that.

    It keeps the kind of length that it has: the volume's or the source's.

    Args:
        sizes: Of the snapshot that is brought.
        older: Of the one that the user names as the file's content.
        present: The file.
        partial_length_bytes: The length that an earlier run of this download gave it already.
    """
    if present.size_bytes == partial_length_bytes:
        return sizes.whole if present.size_bytes == sizes.volume_bytes else sizes.shortest
    if present.size_bytes == older.volume_bytes:
        return sizes.whole
    return sizes.shortest if present.size_bytes == older.source_bytes else None


def older_content_bytes(older: SnapshotSizes, present: Present) -> int:
    """Return how many bytes of a device the older snapshot describes; behind may be anything."""
    if older.source_bytes is not None and present.size_bytes < older.volume_bytes:
        return older.source_bytes
    return older.volume_bytes
