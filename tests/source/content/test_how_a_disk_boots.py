"""Boot modes and architectures are read from the disk: real file systems, and hostile ones."""

import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.boot_disks import (
    BIOS_BOOT,
    EFI_SYSTEM,
    FREEBSD_BOOT,
    LINUX,
    MIB,
    efi_program,
    gpt,
    mbr,
    run,
)
from support.uefi_disks import ARM64, ESP_AT, X64, Bytes, facts_of, spoiled, uefi_disk

from bulkput.model.errors import SourceError
from bulkput.source.content.boot_facts import boot_facts_of
from bulkput.source.open import open_source

CODE = b"\xeb\x63\x90" + b"GRUB \0Geom\0Hard Disk\0Read\0 Error"
OTHER_CODE = b"\xfa\xb8\0\x10\x8e\xd0"


def table_of_parted(path, esp, kind, *commands):
    """Let parted write the table around a file system at 1 MiB."""
    path.write_bytes(bytes(MIB) + esp + bytes(3 * MIB))
    stop = ESP_AT + len(esp) // 512
    label = ["mklabel", kind, "mkpart", *(["ESP"] if kind == "gpt" else ["primary"])]
    run(
        "parted", "-s", path, *label, f"{ESP_AT}s", f"{stop - 1}s", "set", 1, "esp", "on", *commands
    )
    return path


def opened_facts(path):
    source = open_source(Path(path))
    try:
        return boot_facts_of(source)
    finally:
        source.close()


def test_a_uefi_disk_of_parted(tmp_path, esp):
    facts = opened_facts(table_of_parted(tmp_path / "disk", esp(), "gpt"))
    assert (facts.table, facts.architecture) == ("gpt", "x86_64")
    assert facts.boot_modes() == {"uefi"}
    assert facts.boot_mode() == "uefi"
    assert not facts.contradictions


def test_a_disk_of_parted_for_both_ways(tmp_path, esp):
    size = len(esp()) // 512
    bios = ("mkpart", "bios", f"{ESP_AT + size}s", f"{ESP_AT + size + 2047}s")
    path = table_of_parted(tmp_path / "disk", esp(), "gpt", *bios, "set", 2, "bios_grub", "on")
    assert opened_facts(path).boot_modes() == {"uefi"}  # GRUB was not installed yet
    disk = path.read_bytes()
    path.write_bytes(CODE + disk[len(CODE) :])
    assert "is empty" in " ".join(opened_facts(path).notes)
    core_at = (ESP_AT + size) * 512
    path.write_bytes(CODE + disk[len(CODE) : core_at] + b"core.img" + disk[core_at + 8 :])
    facts = opened_facts(path)
    assert facts.boot_modes() == {"uefi", "legacy-bios", "uefi-preferred"}
    assert (facts.boot_mode(), facts.architecture) == ("uefi-preferred", "x86_64")


def test_a_bios_disk_of_parted_needs_an_active_partition(tmp_path, esp):
    path = table_of_parted(tmp_path / "disk", esp(()), "msdos", "set", 1, "esp", "off")
    assert path.read_bytes()[:440].strip(b"\0")  # parted's own code
    assert opened_facts(path).boot_modes() == frozenset()
    run("parted", "-s", path, "set", 1, "boot", "on")
    facts = opened_facts(path)
    assert (facts.table, facts.boot_mode(), facts.architecture) == ("mbr", "legacy-bios", "x86_64")


def test_an_efi_system_partition_in_an_mbr(tmp_path, esp):
    facts = opened_facts(table_of_parted(tmp_path / "disk", esp(), "msdos"))
    assert (facts.table, facts.boot_mode()) == ("mbr", "uefi")


@pytest.mark.parametrize(
    ("bits", "size_mib", "cluster_sectors"),
    [(12, 1, 1), (12, 20, 16), (16, 5, 1), (16, 20, 8), (32, 34, 1)],
)
def test_every_size_of_fat_is_read(esp, bits, size_mib, cluster_sectors):
    files = ((X64, efi_program("x86_64", 9000)), ("/EFI/debian/shimx64.efi", efi_program("x86_64")))
    image = esp(files, bits=bits, size_bytes=size_mib * MIB, cluster_sectors=cluster_sectors)
    loaders = facts_of(uefi_disk(image)).loaders
    assert [each.machine for each in loaders] == ["x86_64", "x86_64"]


def test_a_fat32_of_few_clusters_is_one(esp):
    image = esp(bits=32, size_bytes=34 * MIB, cluster_sectors=1)
    assert facts_of(spoiled(image, {32: struct.pack("<I", 4000)})).boot_mode() == "uefi"


def test_a_directory_of_many_clusters_is_read_to_its_end(esp):
    many = [(f"/EFI/BOOT/a long name of a file {number}.txt", b"") for number in range(60)]
    facts = facts_of(uefi_disk(esp((*many, (X64, efi_program("x86_64"))), bits=12, size_bytes=MIB)))
    assert facts.boot_mode() == "uefi"


@pytest.mark.parametrize(
    ("files", "architectures"),
    [
        ({ARM64: "arm64"}, {"arm64"}),
        ({X64: "x86_64", ARM64: "arm64"}, {"x86_64", "arm64"}),
        ({"/efi/boot/bootaa64.efi": "arm64"}, {"arm64"}),
        ({"/EFI/a vendor of long names/grubaa64-signed.efi": "arm64"}, {"arm64"}),
        ({"/EFI/Microsoft/Boot/bootmgfw.efi": "x86_64"}, {"x86_64"}),
        ({"/EFI/systemd/systemd-bootx64.efi": "x86_64"}, {"x86_64"}),
        ({"/EFI/BOOT/BOOTIA32.EFI": "i386"}, set()),
        ({"/EFI/BOOT/BOOTRISCV64.EFI": "riscv64"}, set()),
        ({"/loader.efi": "x86_64"}, set()),
        ({"/EFI/BOOT/BOOTX64.TXT": "x86_64"}, set()),
    ],
)
def test_architectures_are_those_of_the_loaders_headers(esp, files, architectures):
    programs = tuple((path, efi_program(machine)) for path, machine in files.items())
    facts = facts_of(uefi_disk(esp(programs)))
    assert facts.architectures == architectures
    assert not facts.contradictions
    assert facts.boot_modes() == ({"uefi"} if architectures else set())


def test_two_architectures_are_the_users_to_choose_from(esp):
    both = ((X64, efi_program("x86_64")), (ARM64, efi_program("arm64")))
    facts = facts_of(uefi_disk(esp(both), code=CODE, more=((200, 300, BIOS_BOOT),)))
    assert (facts.architecture, facts.boot_mode("arm64")) == (None, "uefi")
    empty = facts_of(uefi_disk(esp(both), code=CODE, more=((2000, 2010, BIOS_BOOT),)))
    assert empty.boot_mode("x86_64") == "uefi"


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        (X64, efi_program("arm64"), "is named for x86_64, and its header is for arm64"),
        (ARM64, efi_program("x86_64"), "is named for arm64, and its header is for x86_64"),
        (X64, b"#!/bin/sh\n" * 20, "is no EFI program"),
        (X64, b"", "is no EFI program"),
        (X64, b"MZ".ljust(64, b"\xff"), "is no EFI program"),
        (X64, efi_program(0x1234), "its header is for machine 0x1234"),
    ],
)
def test_a_loader_whose_name_and_header_disagree_is_no_loader(esp, path, content, expected):
    facts = facts_of(uefi_disk(esp(((path, content),))))
    assert expected in " ".join(facts.contradictions)
    assert (facts.boot_modes(), facts.architectures) == (set(), set())


def test_a_loader_that_needs_a_boot_entry_is_noted(esp):
    image = esp((("/EFI/debian/grubx64.efi", efi_program("x86_64")),))
    facts = facts_of(uefi_disk(image))
    assert facts.boot_mode() == "uefi"
    assert "needs one (uefi_data)" in " ".join(facts.notes)


@pytest.mark.parametrize(
    ("disk", "table", "note"),
    [
        (bytes(4 * MIB), "none", "no partition table"),
        (b"\x55", "none", "no partition table"),
        (gpt(bytes(4 * MIB)), "gpt", "no EFI system partition"),
        (
            gpt(bytes(4 * MIB))[:512] + bytes(MIB),
            "none",
            "no GPT, which its first sector announces",
        ),
        (gpt(bytes(4 * MIB), entries=((2048, 4000, EFI_SYSTEM),)), "gpt", "no FAT file system"),
        (gpt(bytes(4 * MIB), entries=((1 << 40, 1 << 41, EFI_SYSTEM),)), "gpt", "beyond the end"),
        (mbr(bytes(4 * MIB), (2048, 100)), "mbr", "no boot code"),
        (CODE + gpt(bytes(4 * MIB))[len(CODE) :], "gpt", "no BIOS boot partition"),
    ],
)
def test_a_disk_that_boots_nowhere_and_why(disk, table, note):
    facts = facts_of(disk)
    assert facts.table == table
    assert (facts.boot_modes(), facts.architectures) == (set(), set())
    assert (facts.boot_mode(), facts.architecture) == (None, None)
    assert note in " ".join(facts.notes)


def test_an_efi_system_partition_without_a_loader(esp):
    facts = facts_of(uefi_disk(esp((("/EFI/BOOT/README", b"nothing"),))))
    assert facts.boot_modes() == frozenset()
    assert "has no loader" in " ".join(facts.notes)


def test_a_loader_in_a_partition_of_another_type_is_not_looked_for(esp):
    facts = facts_of(uefi_disk(esp(), kind=LINUX))
    assert not facts.loaders
    assert "no EFI system partition" in " ".join(facts.notes)


@pytest.mark.parametrize(
    ("code", "status", "modes"),
    [(CODE, 0, {"legacy-bios"}), (OTHER_CODE, 0, set()), (OTHER_CODE, 0x80, {"legacy-bios"})],
)
def test_boot_code_of_an_mbr(code, status, modes):
    disk = mbr(bytes(4 * MIB), (2048, 100, 0x83, status))
    assert facts_of(code + disk[len(code) :]).boot_modes() == modes


@pytest.mark.parametrize("kind", [BIOS_BOOT, FREEBSD_BOOT])
def test_boot_code_of_a_gpt_and_where_it_goes_on(kind):
    disk = bytearray(gpt(bytes(4 * MIB), entries=((2048, 4000, kind),)))
    disk[: len(OTHER_CODE)] = OTHER_CODE
    assert facts_of(bytes(disk)).boot_mode() is None
    disk[2048 * 512] = 0xEB
    facts = facts_of(bytes(disk))
    assert (facts.boot_mode(), facts.architecture) == ("legacy-bios", "x86_64")


def test_a_gpt_partition_that_is_marked_for_a_bios_boots_by_it():
    disk = gpt(bytes(4 * MIB), entries=((2048, 4000, LINUX, 1 << 2),))
    assert facts_of(OTHER_CODE + disk[len(OTHER_CODE) :]).boot_mode() == "legacy-bios"


def test_a_table_of_4_kib_sectors_boots_nowhere(esp):
    image = esp()
    disk = gpt(bytes(MIB) + image + bytes(MIB), 4096, entries=((256, 1000, EFI_SYSTEM),))
    facts = facts_of(disk)
    assert (facts.sector_bytes, facts.boot_modes()) == (4096, set())
    assert "for sectors of 4,096 bytes" in facts.contradictions[0]
    assert [each.machine for each in facts.loaders] == ["x86_64"]  # what it was made for


def test_a_device_counts_its_mbr_in_its_own_sectors():
    disk = Bytes(mbr(CODE + bytes(4 * MIB), (256, 256, 0xEF)))

    def read_window(index, _):
        return SimpleNamespace(block=disk.block, close=lambda: None)

    size = {"size_bytes": len(disk.disk), "is_sequential": False}
    for sector_bytes, expected in ((4096, 4096), (None, 512)):
        source = SimpleNamespace(sector_bytes=sector_bytes, read_window=read_window, **size)
        facts = boot_facts_of(source)
        assert (facts.sector_bytes, facts.boots_by_bios) == (expected, expected == 512)


def test_a_partition_beyond_the_end_and_a_damaged_table_are_contradictions():
    (first, *_) = facts_of(gpt(bytes(4 * MIB), entries=((2048, 9000),))).contradictions
    assert "partition 1 ends at byte" in first
    damaged = bytearray(gpt(bytes(4 * MIB)))
    damaged[512 + 40] ^= 1
    assert "damaged" in facts_of(bytes(damaged)).contradictions[0]


@pytest.mark.parametrize(
    ("boot_mode", "architecture", "expected"),
    [
        ("uefi", None, None),
        (None, "x86_64", None),
        (None, None, None),
        ("uefi", "x86_64", None),
        ("legacy-bios", None, "the boot mode is to be legacy-bios: its first sector has no boot"),
        ("uefi-preferred", None, "the boot mode is to be uefi-preferred"),
        ("uefi", "arm64", "the architecture is to be arm64, and the disk boots on x86_64 only"),
        ("legacy-bios", "arm64", "have no BIOS"),
    ],
)
def test_what_the_user_names_is_held_against_the_disk(esp, boot_mode, architecture, expected):
    conflicts = facts_of(uefi_disk(esp())).conflicts(boot_mode, architecture)
    assert (not conflicts) if expected is None else (expected in " ".join(conflicts))


def test_uefi_named_for_a_disk_without_a_system_partition():
    (what,) = facts_of(mbr(CODE + bytes(4 * MIB), (2048, 100))).conflicts("uefi", None)
    assert what == "the boot mode is to be uefi: it has no EFI system partition"


def test_it_is_read_through_qemu_as_well(tmp_path, esp):
    raw = tmp_path / "disk.raw"
    raw.write_bytes(uefi_disk(esp()))
    run("qemu-img", "convert", "-O", "qcow2", raw, tmp_path / "disk.qcow2")
    assert opened_facts(tmp_path / "disk.qcow2") == opened_facts(raw)


def test_a_source_that_is_read_once_is_not_looked_at():
    source = SimpleNamespace(is_sequential=True, path="-")
    with pytest.raises(SourceError, match="from front to back"):
        boot_facts_of(source)


def test_a_real_loader_of_debian(esp):
    path = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
    if not path.exists():
        pytest.skip("systemd-boot-efi is not installed")
    facts = facts_of(uefi_disk(esp(((X64, path.read_bytes()),))))
    assert (facts.boot_mode(), facts.architecture) == ("uefi", "x86_64")
