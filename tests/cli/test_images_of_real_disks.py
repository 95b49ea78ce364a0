"""A job registers its image as the disk shows it boots, and refuses before anything is sent."""

import pytest
from support.boot_disks import efi_program, fat
from support.ec2 import Boto
from support.uefi_disks import ARM64, UEFI, uefi_disk

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("esp")
    arm = {ARM64: efi_program("arm64")}
    return {
        "uefi": uefi_disk(fat(folder, dict(UEFI))),
        "arm64": uefi_disk(fat(folder, arm)),
        "empty": bytes(1 << 20),
    }


@pytest.fixture
def run(bulkput, service, tmp_path, disks):
    """Run a job of one disk and one image; returns how it ended, and the image if there is one."""

    def run_job(disk, keys=""):
        (tmp_path / "disk.img").write_bytes(disks[disk])
        (tmp_path / "job.yaml").write_text(
            "version: 1\nvolumes: [{name: root, source: {path: disk.img, format: raw}}]\n"
            f"images: [{{name: web{keys}}}]\n"
        )
        ended = bulkput("run", "job.yaml", "--output", "json")
        boto = Boto(service.url, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
        return ended, boto.images().get("web")

    return run_job


@pytest.mark.parametrize(
    ("disk", "architecture", "boot_mode"), [("uefi", "x86_64", "uefi"), ("arm64", "arm64", "uefi")]
)
def test_it_boots_as_its_disk_shows(run, disk, architecture, boot_mode):
    ended, image = run(disk)
    assert ended.status == 0, ended.err
    assert (image["Architecture"], image["BootMode"]) == (architecture, boot_mode)
    assert image["EnaSupport"]
    assert image["ImdsSupport"] == "v2.0"


@pytest.mark.parametrize(
    ("disk", "keys", "words"),
    [
        ("arm64", ", architecture: x86_64", "boots on arm64 only"),
        ("uefi", ", boot_mode: legacy-bios", "the boot mode is to be legacy-bios"),
        ("empty", "", "expected x86_64 or arm64"),
        ("empty", ", architecture: x86_64, boot_mode: uefi", "contradict_disk: true"),
    ],
)
def test_what_contradicts_the_disk_is_refused_before_a_snapshot_is_started(
    run, service, disk, keys, words
):
    ended, image = run(disk, keys)
    assert ended.status == 3
    assert words in ended.object["error"]
    assert image is None
    assert not service.states()
    again, image = run("empty", ", architecture: x86_64, boot_mode: uefi, contradict_disk: true")
    assert again.status == 0
    assert image["Architecture"] == "x86_64"
