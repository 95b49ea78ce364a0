"""Disks that boot, or should not: tables by parted or by hand, FAT by mkfs.vfat and mtools."""

import os
import shutil
import struct
import subprocess
import zlib

import pytest

MIB = 1 << 20
MACHINES = {"x86_64": 0x8664, "arm64": 0xAA64, "i386": 0x014C, "riscv64": 0x5064}
EFI_SYSTEM = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
BIOS_BOOT = b"Hah!IdontNeedEFI"
FREEBSD_BOOT = bytes.fromhex("9d6bbd83417fdc11be0b001560b84f0f")
LINUX = bytes.fromhex("af3dc60f838472478e793d69d8477de4")


def gpt(disk, sector_bytes=512, last=None, other=None, entries=((2048, 4000),)):
    """Write a protective MBR and a GPT after the UEFI specification, 5.2 and 5.3.

    An entry is its first and its last sector, and perhaps its type and its attributes.
    """
    disk = bytearray(disk)
    struct.pack_into("<B3sB3sII", disk, 446, 0, b"", 0xEE, b"", 1, 0xFFFF_FFFF)
    disk[510:512] = b"\x55\xaa"
    count = len(disk) // sector_bytes
    full = [(*entry, *(LINUX, 0)[len(entry) - 2 :]) for entry in entries]
    table = b"".join(
        struct.pack("<16s16sQQQ72s", kind, bytes([number] * 16), first, end, flags, b"")
        for number, (first, end, kind, flags) in enumerate(full, 1)
    ).ljust(128 * 128, b"\0")
    fields = [b"EFI PART", 0x10000, 92, 0, 0, 1, other or count - 1, 34, last or count - 34]
    fields += [b"\1" * 16, 2, 128, 128, zlib.crc32(table)]
    fields[3] = zlib.crc32(struct.pack("<8sIIIIQQQQ16sQIII", *fields))
    disk[sector_bytes : sector_bytes + 92] = struct.pack("<8sIIIIQQQQ16sQIII", *fields)
    disk[2 * sector_bytes : 2 * sector_bytes + len(table)] = table
    return bytes(disk)


def mbr(disk, *partitions):
    """Write an MBR; a partition is its first sector, its length, and perhaps type and status."""
    disk = bytearray(disk)
    for index, given in enumerate(partitions):
        start, count, kind, status = (*given, *(0x83, 0x80)[len(given) - 2 :])
        at = 446 + 16 * index
        struct.pack_into("<B3sB3sII", disk, at, status, b"", kind, b"", start, count)
    disk[446 + 16 * len(partitions) : 510] = bytes(64 - 16 * len(partitions))
    disk[510:512] = b"\x55\xaa"
    return bytes(disk)


def efi_program(machine, header_at_bytes=0x80):
    """Return the least that is a PE header (Microsoft's "PE Format")."""
    code = MACHINES.get(machine, machine)
    stub = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", header_at_bytes)
    return stub.ljust(header_at_bytes, b"\0") + b"PE\0\0" + struct.pack("<H", code) + bytes(200)


def run(*command, **more):
    """Run a tool of Debian's, or skip the test where it is not installed."""
    path = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{command[0]} is not installed")
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(
        [path, *map(str, command[1:])], check=True, capture_output=True, env=environment, **more
    )


def fat(folder, files, bits=16, size_bytes=5 * MIB, cluster_sectors=1):
    """Return a FAT file system with these files, their folders made as they are written."""
    image = folder / "fat.img"
    image.unlink(missing_ok=True)
    kib = size_bytes >> 10
    run("mkfs.vfat", "-C", "-F", bits, "-s", cluster_sectors, image, kib)
    parents = [
        path.rsplit("/", depth)[0] for path in files for depth in range(path.count("/"), 0, -1)
    ]
    folders = [f"::{path}" for path in dict.fromkeys(parents) if path]
    if folders:
        run("mmd", "-i", image, *folders)
    for path, content in files.items():
        run("mcopy", "-i", image, "-", f"::{path}", input=content)
    return image.read_bytes()
