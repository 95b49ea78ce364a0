"""Disks with an EFI system partition, and what is read from them."""

from support.boot_disks import (
    EFI_SYSTEM,
    MIB,
    efi_program,
    gpt,
)

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.content.boot_facts import read_boot_facts
from bulkput.source.content.disk_bytes import DiskBytes

X64 = "/EFI/BOOT/BOOTX64.EFI"
ARM64 = "/EFI/BOOT/BOOTAA64.EFI"
ESP_AT = 2048
"""Sector."""
UEFI = ((X64, efi_program("x86_64")),)


def facts_of(disk, **more):
    def block(index):
        return disk[index * BLOCK_SIZE_BYTES :][:BLOCK_SIZE_BYTES].ljust(BLOCK_SIZE_BYTES, b"\0")

    return read_boot_facts(DiskBytes(block, len(disk)), **more)


def uefi_disk(esp, *, code=b"", more=(), kind=EFI_SYSTEM):
    """Return a GPT with the file system at 1 MiB, and other partitions behind it."""
    sectors = len(esp) // 512
    disk = bytes(MIB) + esp + bytes(2 * MIB)
    entries = ((ESP_AT, ESP_AT + sectors - 1, kind), *more)
    return code + gpt(disk, entries=entries)[len(code) :]


class Bytes:
    """The end of a disk that counts what is read of it."""

    def __init__(self, disk):
        self.disk, self.read = disk, 0

    def block(self, index):
        self.read += 1
        return self.disk[index * BLOCK_SIZE_BYTES :][:BLOCK_SIZE_BYTES].ljust(
            BLOCK_SIZE_BYTES, b"\0"
        )


def spoiled(esp, places):
    """Return a disk whose file system has other bytes at these places."""
    image = bytearray(esp)
    for at, content in places.items():
        image[at : at + len(content)] = content
    return uefi_disk(bytes(image))
