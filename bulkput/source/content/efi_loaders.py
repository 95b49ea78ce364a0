"""The EFI loaders in an EFI system partition: which there are, and for which processors.

After the UEFI specification (3.5.1.1, names of removable media) and Microsoft's PE format.
"""

import struct
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from bulkput.source.content.fat import FatEntry, FatVolume

_MACHINES = {
    0x8664: "x86_64",
    0xAA64: "arm64",
    0x014C: "i386",
    0x01C2: "arm",
    0x5064: "riscv64",
    0x6264: "loongarch64",
}
"""PE's machine types, by EC2's names where it has one."""
_NAMES = {
    "x64.efi": "x86_64",
    "aa64.efi": "arm64",
    "ia32.efi": "i386",
    "riscv64.efi": "riscv64",
    "loongarch64.efi": "loongarch64",
}
"""How names of loaders end, the longest first where one ends like another."""
_FALLBACK = "/boot"
_PE_HEADER_MAX_AT_BYTES = 64 << 10
"""Programs have it within the first KiB."""
_DEPTH_MAX = 2
"""Directories below /EFI: vendor, and one in it, as Windows has it (Microsoft/Boot)."""
_DIRECTORIES_MAX = 256
_LOADERS_MAX = 64


class EfiLoader(NamedTuple):
    """One program."""

    path: str
    """From the root of the partition, as it is written there."""
    machine: str | None
    """The processor in its header; None: it is no EFI program."""

    @property
    def named_machine(self) -> str | None:
        """The processor that its name stands for, if any."""
        name = self.path.lower()
        return next((found for end, found in _NAMES.items() if name.endswith(end)), None)

    @property
    def is_fallback(self) -> bool:
        """Whether firmware starts it without a boot entry: /EFI/BOOT/BOOT....EFI."""
        folder, _, name = self.path.lower().rpartition("/")
        return folder == "/efi/boot" and name.startswith("boot") and self.named_machine is not None

    @property
    def contradiction(self) -> str | None:
        """What is wrong between its name and its header."""
        if self.machine is None and (self.is_fallback or self.named_machine):
            return f"{self.path} is no EFI program: it has no PE header"
        if self.named_machine not in (None, self.machine):
            named = self.named_machine
            return f"{self.path} is named for {named}, and its header is for {self.machine}"
        return None


def find_efi_loaders(volume: FatVolume) -> Iterator[EfiLoader]:
    """Yield the programs below /EFI, those of /EFI/BOOT first.

    Raises:
        FatError: the file system is damaged.
        DiskBytesError: it leads beyond the end of the disk, or takes too much reading.
        SourceError: it cannot be read.
    """
    folders = deque(
        (f"/{entry.name}", entry, 0)
        for entry in volume.root()
        if entry.is_directory and entry.name.lower() == "efi"
    )
    seen: set[int] = set()
    loaders = 0
    while folders:
        path, folder, depth = folders.popleft()
        if folder.first_cluster in seen or len(seen) >= _DIRECTORIES_MAX:
            continue
        seen.add(folder.first_cluster)
        for entry in volume.directory(folder):
            inner = f"{path}/{entry.name}"
            if entry.is_directory:
                if depth < _DEPTH_MAX and entry.name not in (".", ".."):
                    is_first = inner.lower() == "/efi/boot"
                    (folders.appendleft if is_first else folders.append)((inner, entry, depth + 1))
            elif entry.name.lower().endswith(".efi"):
                yield EfiLoader(inner, _machine(volume, entry))
                loaders += 1
                if loaders == _LOADERS_MAX:
                    return


def _machine(volume: FatVolume, entry: FatEntry) -> str | None:
    head = volume.head(entry, 0, 64)
    if len(head) < 64 or not head.startswith(b"MZ"):
        return None
    (at_bytes,) = struct.unpack_from("<I", head, 0x3C)
    if at_bytes > _PE_HEADER_MAX_AT_BYTES:
        return None
    header = volume.head(entry, at_bytes, 6)
    if len(header) < 6 or not header.startswith(b"PE\0\0"):
        return None
    (machine,) = struct.unpack_from("<H", header, 4)
    return _MACHINES.get(machine, f"machine 0x{machine:04x}")
