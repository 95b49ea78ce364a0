"""How a disk can boot, and on which processors, as far as the disk itself shows it.

Owns the decision from partition table, boot code and EFI loaders to boot modes and architectures
by EC2's names. What firmware does is by the UEFI specification; EC2's own (instances from AWS's
page "Instance type boot modes") has no 32-bit UEFI, and Graviton has UEFI only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol, runtime_checkable

from bulkput.source.content.disk_bytes import DiskBytes, DiskBytesError, disk_bytes_of
from bulkput.source.content.efi_loaders import EfiLoader, find_efi_loaders
from bulkput.source.content.fat import FatError, FatVolume
from bulkput.source.content.partitions import (
    VOLUME_SECTOR_BYTES,
    Partition,
    PartitionTable,
    announces_gpt,
    read_partition_table,
)
from bulkput.source.format import HEAD_SIZE_BYTES
from bulkput.source.source import Source

BootMode = Literal["uefi", "legacy-bios", "uefi-preferred"]
Architecture = Literal["x86_64", "arm64"]
ARCHITECTURES: tuple[Architecture, ...] = ("x86_64", "arm64")
TableKind = Literal["gpt", "mbr", "none"]

_EFI_SYSTEM = ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef")
_BIOS_BOOT = (
    "21686148-6449-6e6f-744e-656564454649",
    "83bd6b9d-7f41-11dc-be0b-001560b84f0f",
)
"""Where GRUB keeps what does not fit into the first sector of a GPT; FreeBSD's freebsd-boot, which
its pmbr looks for (gpart(8))."""
_BOOT_CODE_BYTES = 440
"""Of the first sector; Windows' disk signature and the table follow."""
_SIGNATURE_AT_BYTES = 510
_TABLE_NOTES_MAX = 8
_DAMAGED = "its partition table (GPT) is damaged: the checksum in it is another"


@runtime_checkable
class _Device(Protocol):
    """A source that may know how large its sectors are."""

    @property
    def sector_bytes(self) -> int | None:
        """Of a block device, its logical sector; None of all others."""
        ...


@dataclass(frozen=True, kw_only=True)
class BootFacts:
    """What a disk shows."""

    table: TableKind = "none"
    sector_bytes: int = VOLUME_SECTOR_BYTES
    """In which the table counts."""
    loaders: tuple[EfiLoader, ...] = ()
    boots_by_bios: bool = False
    """Whether its boot code is there, with what that loads."""
    contradictions: tuple[str, ...] = ()
    """Sentences: what no instance would boot from, whatever is asked for."""
    notes: tuple[str, ...] = ()
    """Sentences: why a boot mode is not among those that are possible."""

    @property
    def uefi_architectures(self) -> frozenset[Architecture]:
        """For which processors there is a loader; none where no firmware finds the partitions."""
        if self.sector_bytes != VOLUME_SECTOR_BYTES:
            return frozenset()
        fit = {each.machine for each in self.loaders if each.contradiction is None}
        return frozenset(each for each in ARCHITECTURES if each in fit)

    @property
    def architectures(self) -> frozenset[Architecture]:
        """For which processors it boots in any mode; a BIOS means x86."""
        return self.uefi_architectures | ({"x86_64"} if self.boots_by_bios else frozenset())

    @property
    def architecture(self) -> Architecture | None:
        """The only one; None: there is none, or the user must choose."""
        found = self.architectures
        return next(iter(found)) if len(found) == 1 else None

    def boot_modes(self, architecture: Architecture | None = None) -> frozenset[BootMode]:
        """Return the modes that are possible.

        Args:
            architecture: For this processor; None for any.
        """
        wanted = set(ARCHITECTURES) if architecture is None else {architecture}
        modes: set[BootMode] = set()
        if wanted & self.uefi_architectures:
            modes.add("uefi")
        if "x86_64" in wanted and self.boots_by_bios:
            modes.add("legacy-bios")
            if "x86_64" in self.uefi_architectures:
                modes.add("uefi-preferred")
        return frozenset(modes)

    def boot_mode(self, architecture: Architecture | None = None) -> BootMode | None:
        """Return what ``auto`` takes: ``uefi-preferred`` where both are there; None: not known.

        Args:
            architecture: For this processor; None for any.
        """
        modes = self.boot_modes(architecture)
        if "uefi-preferred" in modes:
            return "uefi-preferred"
        return next(iter(modes)) if len(modes) == 1 else None

    def conflicts(
        self, boot_mode: BootMode | None, architecture: Architecture | None
    ) -> tuple[str, ...]:
        """Return what speaks against a mode and an architecture that the user names; or nothing.

        Args:
            boot_mode: None: not named.
            architecture: None: not named.
        """
        found = list(self.contradictions)
        if architecture is not None and architecture not in self.architectures:
            others = " and ".join(sorted(self.architectures))
            what = f"the disk boots on {others} only" if others else "nothing on the disk boots"
            found.append(f"the architecture is to be {architecture}, and {what}")
        if boot_mode == "legacy-bios" and architecture == "arm64":
            found.append("instances of architecture arm64 have no BIOS: their boot mode is uefi")
        elif boot_mode is not None and boot_mode not in self.boot_modes(architecture):
            why = "; ".join(self.notes) or "the disk has no loader for it"
            found.append(f"the boot mode is to be {boot_mode}: {why}")
        return tuple(found)


def boot_facts_of(source: Source) -> BootFacts:
    """Look at a disk. Blocks, and reads at most 128 MiB.

    Args:
        source: Any that can be read at any place.

    Raises:
        SourceError: it cannot be read, or only from front to back.
    """
    sector_bytes = source.sector_bytes if isinstance(source, _Device) else None
    return read_boot_facts(disk_bytes_of(source), sector_bytes)


def read_boot_facts(disk: DiskBytes, sector_bytes: int | None = None) -> BootFacts:
    """Look at a disk, as ``boot_facts_of`` does.

    Args:
        disk: Its bytes.
        sector_bytes: Of a device with an MBR, its logical sector; None where nobody knows.

    Raises:
        SourceError: it cannot be read.
    """
    head = disk.read(0, min(HEAD_SIZE_BYTES, disk.size_bytes))
    table = read_partition_table(head, sector_bytes)
    if table is None:
        what = "GPT, which its first sector announces" if announces_gpt(head) else "partition table"
        return BootFacts(notes=(f"it has no {what}",))
    loaders: list[EfiLoader] = []
    esp_notes, loader_notes = [], []
    systems = [each for each in table.partitions if each.kind in _EFI_SYSTEM]
    for partition in systems:
        try:
            loaders += find_efi_loaders(FatVolume(disk, partition.start_bytes))
        except (FatError, DiskBytesError) as error:
            esp_notes.append(
                f"its EFI system partition ({partition.number}) cannot be read: {error}"
            )
    if not systems:
        loader_notes.append("it has no EFI system partition")
    elif not loaders and not esp_notes:
        loader_notes.append("its EFI system partition has no loader")
    bios_notes = list(_bios_notes(disk, head, table))
    return BootFacts(
        table="gpt" if table.kind == "GPT" else "mbr",
        sector_bytes=table.sector_bytes,
        loaders=tuple(loaders),
        boots_by_bios=not bios_notes and table.sector_bytes == VOLUME_SECTOR_BYTES,
        contradictions=(
            *([_DAMAGED] if table.kind == "GPT" and table.disk_bytes is None else []),
            *islice(table.notes(disk.size_bytes), _TABLE_NOTES_MAX),
            *(each.contradiction for each in loaders if each.contradiction is not None),
        ),
        notes=(*esp_notes, *loader_notes, *_loader_notes(loaders), *bios_notes),
    )


def _loader_notes(loaders: list[EfiLoader]) -> Iterator[str]:
    """Yield what firmware will not start by itself."""
    if loaders and not any(each.is_fallback for each in loaders):
        yield (
            f"no loader is where firmware looks without a boot entry (/EFI/BOOT): "
            f"{loaders[0].path} needs one (uefi_data)"
        )
    for each in loaders:
        if each.is_fallback and each.machine and each.machine not in ARCHITECTURES:
            yield f"{each.path} is for {each.machine}, which EC2's firmware does not start"


def _bios_notes(disk: DiskBytes, head: bytes, table: PartitionTable) -> Iterator[str]:
    """Yield why a BIOS cannot boot it; nothing if it can, as far as can be seen."""
    code = head[:_BOOT_CODE_BYTES]
    if not any(code) or head[_SIGNATURE_AT_BYTES : _SIGNATURE_AT_BYTES + 2] != b"\x55\xaa":
        yield "its first sector has no boot code"
        return
    is_marked = any(each.is_active for each in table.partitions)
    if table.kind == "GPT":
        places = [each for each in table.partitions if each.kind in _BIOS_BOOT]
        if not is_marked and not places:
            yield "it has no BIOS boot partition, and none is marked for booting by a BIOS"
        elif places and not is_marked and not any(_has_content(disk, each) for each in places):
            yield "its BIOS boot partition is empty"
    elif not is_marked and b"GRUB" not in code:
        # Only GRUB's code knows by itself where the rest lies; parted writes code of the other
        # kind into every new table.
        yield "none of its partitions is active, and its boot code looks for one that is"


def _has_content(disk: DiskBytes, partition: Partition) -> bool:
    try:
        return any(disk.read(partition.start_bytes, VOLUME_SECTOR_BYTES))
    except DiskBytesError:
        return False
