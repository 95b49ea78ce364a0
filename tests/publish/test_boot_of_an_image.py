"""Architecture and boot mode: as configured, as the disk shows, or refused."""

import pytest

from bulkput.config.images import ImageSettings
from bulkput.model.errors import ConfigError
from bulkput.publish.boot import Boot, boot_of, needs_disk
from bulkput.source.content.boot_facts import BootFacts
from bulkput.source.content.efi_loaders import EfiLoader

X86, ARM = (
    EfiLoader(f"/EFI/BOOT/{name}.EFI", machine)
    for name, machine in (("BOOTX64", "x86_64"), ("BOOTAA64", "arm64"))
)
UEFI = BootFacts(table="gpt", loaders=(X86,), notes=("it has no boot code",))
BOTH_WAYS = BootFacts(table="gpt", loaders=(X86,), boots_by_bios=True)
BIOS = BootFacts(table="mbr", boots_by_bios=True, notes=("it has no EFI system partition",))
ARM64 = BootFacts(table="gpt", loaders=(ARM,))
EITHER = BootFacts(table="gpt", loaders=(X86, ARM))
EMPTY = BootFacts(notes=("it has no partition table",))
SECTORS = BootFacts(table="gpt", sector_bytes=4096, contradictions=("sectors of 4096 bytes",))


def image(**keys):
    return ImageSettings.model_validate({"name": "web", **keys})


@pytest.mark.parametrize(
    ("keys", "facts", "expected"),
    [
        ({}, UEFI, Boot("x86_64", "uefi")),
        ({}, BOTH_WAYS, Boot("x86_64", "uefi-preferred")),
        ({}, BIOS, Boot("x86_64", "legacy-bios")),
        ({}, ARM64, Boot("arm64", "uefi")),
        ({"architecture": "arm64"}, EITHER, Boot("arm64", "uefi")),
        ({"boot_mode": "legacy-bios"}, BOTH_WAYS, Boot("x86_64", "legacy-bios")),
        ({"architecture": "x86_64", "boot_mode": "uefi"}, None, Boot("x86_64", "uefi")),
        (
            {"architecture": "arm64", "boot_mode": "uefi", "contradict_disk": True},
            BIOS,
            Boot("arm64", "uefi"),
        ),
        ({"tpm": True}, UEFI, Boot("x86_64", "uefi")),
    ],
)
def test_what_is_not_given_is_as_the_disk_shows(keys, facts, expected):
    assert boot_of(image(**keys), facts) == expected


@pytest.mark.parametrize(
    ("keys", "facts", "words"),
    [
        ({}, EITHER, "boots on arm64 and x86_64.: expected x86_64 or arm64"),
        ({}, EMPTY, "no partition table"),
        ({}, None, "cannot be looked at"),
        ({"architecture": "x86_64"}, None, "cannot be looked at: expected legacy-bios"),
        ({"boot_mode": "uefi"}, BIOS, "no EFI system partition.*contradict_disk"),
        ({"architecture": "arm64"}, UEFI, "boots on x86_64 only.*contradict_disk"),
        ({"boot_mode": "legacy-bios"}, UEFI, "no boot code.*contradict_disk"),
        ({}, SECTORS, "sectors of 4096 bytes.*contradict_disk"),
        ({"architecture": "x86_64", "boot_mode": "uefi"}, SECTORS, "sectors of 4096"),
        ({"tpm": True}, BIOS, "only with boot mode uefi; the disk's is legacy-bios"),
        ({"tpm": True}, BOTH_WAYS, "the disk's is uefi-preferred"),
    ],
)
def test_what_the_disk_does_not_show_or_contradicts_is_refused(keys, facts, words):
    with pytest.raises(ConfigError, match=words):
        boot_of(image(**keys), facts)


def test_only_what_is_left_to_the_disk_needs_it():
    assert needs_disk(image())
    assert needs_disk(image(architecture="arm64"))
    assert not needs_disk(image(architecture="arm64", boot_mode="uefi"))
