"""FAT12, FAT16 and FAT32, read-only: directories and the first bytes of files.

After Microsoft's "FAT: General Overview of On-Disk Format" 1.03. Everything is checked before it is
believed, and every walk is bounded: what is read may be made to do harm.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from bulkput.source.content.disk_bytes import DiskBytes

_BOOT_SECTOR = struct.Struct("<11xHBHBHHxHHHIII4xI")
"""Sector, sectors a cluster, reserved, FATs, root entries, sectors (16 bits), sectors a FAT (16),
sectors a track, heads, hidden, sectors (32), sectors a FAT (32), root cluster."""
_SECTOR_SIZES_BYTES = (512, 1024, 2048, 4096)
_FATS_MAX = 4
_FAT12_CLUSTERS_MAX = 4084
_FAT16_CLUSTERS_MAX = 65_524
_FAT32_CLUSTERS_MAX = 0x0FFF_FFF5
_ENTRY = struct.Struct("<11sBB7xH4xHI")
"""Short name, attributes, reserved, first cluster's high half, its low half, length."""
_LONG_NAME = struct.Struct("<B10sBBB12sH4s")
_ATTRIBUTE_DIRECTORY = 0x10
_ATTRIBUTE_VOLUME_LABEL = 0x08
_ATTRIBUTE_LONG_NAME = 0x0F
_LAST_LONG_PART = 0x40
_DELETED, _NO_MORE = 0xE5, 0x00
_DIRECTORY_MAX_BYTES = 65_536 * _ENTRY.size
"""The specification's own limit."""
_ENTRIES_MAX = 16_384
"""Of all directories together; an EFI system partition has some hundred."""


class FatError(Exception):
    """It is no FAT, or a damaged one; the text says which, and follows "is"."""


class FatEntry(NamedTuple):
    """A file or a directory."""

    name: str
    """The long name where there is one."""
    is_directory: bool
    first_cluster: int
    """0: the file is empty."""
    size_bytes: int
    """Of a file."""


class _Geometry(NamedTuple):
    bits: int
    """12, 16 or 32."""
    cluster_bytes: int
    fat_at_bytes: int
    fat_bytes: int
    root_at_bytes: int
    """FAT32's root lies in a cluster, as any directory."""
    root_bytes: int
    root_cluster: int
    data_at_bytes: int
    clusters: int


class FatVolume:
    """One FAT file system on a disk."""

    def __init__(self, disk: DiskBytes, start_bytes: int) -> None:
        """Read its boot sector.

        Raises:
            FatError: it is no FAT.
            DiskBytesError: it lies beyond the end of the disk.
            SourceError: it cannot be read.
        """
        self._disk = disk
        self._start_bytes = start_bytes
        self._geometry = _read_geometry(disk.read(start_bytes, 512))
        self._entries_left = _ENTRIES_MAX

    def root(self) -> Iterator[FatEntry]:
        """Yield what the root directory has."""
        shape = self._geometry
        if shape.root_cluster:
            return self._entries(self._clusters(shape.root_cluster))
        start_bytes = self._start_bytes + shape.root_at_bytes
        steps = range(start_bytes, start_bytes + shape.root_bytes, 512)
        return self._entries((at, min(512, start_bytes + shape.root_bytes - at)) for at in steps)

    def directory(self, entry: FatEntry) -> Iterator[FatEntry]:
        """Yield what a directory has.

        Raises:
            FatError: its clusters run in a circle or out of the volume, or there is too much.
        """
        return self._entries(self._clusters(entry.first_cluster))

    def head(self, entry: FatEntry, offset_bytes: int, length_bytes: int) -> bytes:
        """Return the bytes of a file from ``offset_bytes`` on; fewer where it ends.

        Raises:
            FatError: its clusters run in a circle or out of the volume.
        """
        stop_bytes = min(offset_bytes + length_bytes, entry.size_bytes)
        found = bytearray()
        position_bytes = 0
        if offset_bytes >= stop_bytes:
            return b""
        for at_bytes, held_bytes in self._clusters(entry.first_cluster):
            first = max(offset_bytes - position_bytes, 0)
            last = min(stop_bytes - position_bytes, held_bytes)
            if first < last:
                found += self._disk.read(at_bytes + first, last - first)
            position_bytes += held_bytes
            if position_bytes >= stop_bytes:
                break
        return bytes(found)

    def _entries(self, places: Iterator[tuple[int, int]]) -> Iterator[FatEntry]:
        long_parts: list[tuple[int, int, bytes]] = []
        for at_bytes, length_bytes in places:
            content = self._disk.read(at_bytes, length_bytes)
            for at in range(0, length_bytes - _ENTRY.size + 1, _ENTRY.size):
                raw = content[at : at + _ENTRY.size]
                if raw[0] == _NO_MORE:
                    return
                if not self._entries_left:
                    raise FatError(f"too large: its directories have over {_ENTRIES_MAX:,} entries")
                self._entries_left -= 1
                attributes = raw[11]
                if raw[0] != _DELETED and attributes & 0x3F == _ATTRIBUTE_LONG_NAME:
                    order, one, _, _, checksum, two, _, three = _LONG_NAME.unpack(raw)
                    long_parts.append((order, checksum, one + two + three))
                    continue
                if raw[0] != _DELETED and not attributes & _ATTRIBUTE_VOLUME_LABEL:
                    yield self._entry(raw, long_parts)
                long_parts = []

    def _entry(self, raw: bytes, long_parts: list[tuple[int, int, bytes]]) -> FatEntry:
        short, attributes, _, high, low, size_bytes = _ENTRY.unpack(raw)
        return FatEntry(
            _long_name(long_parts, short) or _short_name(short),
            bool(attributes & _ATTRIBUTE_DIRECTORY),
            low | (high << 16 if self._geometry.bits == 32 else 0),
            size_bytes,
        )

    def _clusters(self, cluster: int) -> Iterator[tuple[int, int]]:
        """Yield place and length of each cluster of a chain, as far as a directory may go."""
        shape = self._geometry
        end = {12: 0xFF8, 16: 0xFFF8, 32: 0x0FFF_FFF8}[shape.bits]
        for _ in range(-(-_DIRECTORY_MAX_BYTES // shape.cluster_bytes)):
            if cluster >= end:
                return
            if not 2 <= cluster < shape.clusters + 2:
                raise FatError("damaged: a chain of clusters leads out of it")
            at_bytes = shape.data_at_bytes + (cluster - 2) * shape.cluster_bytes
            yield self._start_bytes + at_bytes, shape.cluster_bytes
            cluster = self._next(cluster)
        raise FatError("damaged: a chain of clusters does not end")

    def _next(self, cluster: int) -> int:
        shape = self._geometry
        at_bytes = cluster * shape.bits // 8
        width_bytes = 4 if shape.bits == 32 else 2
        if at_bytes + width_bytes > shape.fat_bytes:
            raise FatError("damaged: its allocation table is too short")
        raw = self._disk.read(self._start_bytes + shape.fat_at_bytes + at_bytes, width_bytes)
        value = int.from_bytes(raw, "little")
        if shape.bits == 12:
            return value >> 4 if cluster & 1 else value & 0xFFF
        return value & 0x0FFF_FFFF


def _read_geometry(sector: bytes) -> _Geometry:
    (size, a_cluster, reserved, fats, roots, few, fat16, _, _, _, many, fat32, root) = (
        _BOOT_SECTOR.unpack_from(sector)
    )
    is_power_of_two = a_cluster and not a_cluster & (a_cluster - 1)
    if size not in _SECTOR_SIZES_BYTES or not is_power_of_two:
        raise FatError("no FAT file system")
    fat_sectors, sectors = fat16 or fat32, few or many
    if not reserved or not 1 <= fats <= _FATS_MAX or not fat_sectors or not sectors:
        raise FatError("no FAT file system")
    root_sectors = -(-roots * _ENTRY.size // size)
    data_sector = reserved + fats * fat_sectors + root_sectors
    clusters = (sectors - data_sector) // a_cluster
    if clusters < 1:
        raise FatError("no FAT file system: its parts are larger than the whole")
    # As the firmware decides (EDK II, FatPkg): FAT32 has no 16-bit length of its tables, however
    # few clusters there are; mkfs.vfat -F 32 makes such small ones.
    if not fat16:
        bits, most = 32, _FAT32_CLUSTERS_MAX
    elif clusters <= _FAT12_CLUSTERS_MAX:
        bits, most = 12, _FAT12_CLUSTERS_MAX
    else:
        bits, most = 16, _FAT16_CLUSTERS_MAX
    if clusters > most:
        raise FatError("no FAT file system: it has more clusters than there can be")
    return _Geometry(
        bits=bits,
        cluster_bytes=a_cluster * size,
        fat_at_bytes=reserved * size,
        fat_bytes=fat_sectors * size,
        root_at_bytes=(reserved + fats * fat_sectors) * size,
        root_bytes=roots * _ENTRY.size,
        root_cluster=root if bits == 32 else 0,
        data_at_bytes=data_sector * size,
        clusters=clusters,
    )


def _short_name(raw: bytes) -> str:
    stem, extension = (part.decode("cp437").rstrip(" ") for part in (raw[:8], raw[8:]))
    return f"{stem}.{extension}" if extension else stem


def _long_name(parts: list[tuple[int, int, bytes]], short: bytes) -> str:
    """Return the name in the entries before a short one; none where they are not its own."""
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    orders = [order for order, _, _ in parts]
    expected = list(range(len(parts), 0, -1))
    if not parts or orders != [expected[0] | _LAST_LONG_PART, *expected[1:]]:
        return ""
    if any(each != checksum for _, each, _ in parts):
        return ""
    text = b"".join(part for _, _, part in reversed(parts)).decode("utf-16-le", "replace")
    return text.partition("\0")[0]
