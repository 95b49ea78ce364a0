"""Who uses a block device, by the kernel's tables as they would be: no real device is needed."""

import os
from pathlib import Path

import pytest

from bulkput.machine.devices import device_users, related_devices


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A disk 8:0 with partitions 8:1 and 8:2, both under a volume 252:0."""
    root = tmp_path / "block"
    for folder, number in {
        "8:0": "8:0",
        "8:0/sda1": "8:1",
        "8:0/sda2": "8:2",
        "8:0/sda1/holders/dm-0": "252:0",
        "8:0/sda2/holders/dm-0": "252:0",
        "252:0": "252:0",
    }.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "dev").write_text(f"{number}\n")
    (root / "252:0/slaves/sda1").mkdir(parents=True)
    (root / "8:0/queue").mkdir()
    return root


def users(tmp_path: Path, sysfs: Path, *lines: str) -> list[str]:
    proc = tmp_path / "proc"
    write_mounts(proc / "self", *lines)
    return device_users(os.makedev(8, 0), Path("/dev/sda"), proc=proc, sysfs=sysfs)


def write_mounts(process: Path, *lines: str) -> None:
    process.mkdir(parents=True)
    (process / "mountinfo").write_text("".join(f"{line}\n" for line in lines))


def test_mounts_of_partitions_and_of_volumes_upon_them_are_found(tmp_path: Path, sysfs) -> None:
    found = users(
        tmp_path,
        sysfs,
        "22 1 8:1 / /boot\\040here rw shared:1 - ext4 /dev/sda1 rw",
        "23 1 252:0 / /srv rw - xfs /dev/mapper/vg-srv rw",
        "24 1 8:16 / /other rw - ext4 /dev/sdb rw",
    )
    assert found == ["sda1 is mounted at /boot here", "dm-0 is mounted at /srv"]


def test_a_volume_that_is_not_mounted_is_named_all_the_same(tmp_path: Path, sysfs) -> None:
    assert users(tmp_path, sysfs) == ["dm-0 is built upon it"]


def test_btrfs_is_found_by_its_source(tmp_path: Path, sysfs) -> None:
    found = users(tmp_path, sysfs, "25 1 0:35 /root / rw - btrfs /dev/sda1 rw,subvol=/root")
    assert found == ["sda1 is mounted at /", "dm-0 is built upon it"]


def test_nothing_to_see_is_no_error(tmp_path: Path) -> None:
    assert users(tmp_path, tmp_path / "none", "garbage", "1 2 3 4 5 - ") == []


def test_swap_on_a_partition_is_named_by_its_name_or_its_number(tmp_path: Path, sysfs) -> None:
    proc = tmp_path / "proc"
    write_mounts(proc / "self")
    (proc / "swaps").write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")
    found = device_users(os.makedev(8, 0), Path("/dev/sda"), proc=proc, sysfs=sysfs)
    assert found == ["dm-0 is built upon it", "sda2 is swap space"]


def test_a_mount_in_another_container_is_named_with_a_process_of_it(tmp_path: Path, sysfs) -> None:
    proc = tmp_path / "proc"
    write_mounts(proc / "self", "24 1 8:16 / /other rw - ext4 /dev/sdb rw")
    write_mounts(proc / "77", "24 1 8:1 / /data rw - ext4 /dev/sda1 rw")
    (proc / "77" / "comm").write_text("postgres\n")
    for process, namespace in (("self", "1"), ("77", "2")):
        (proc / process / "ns").mkdir()
        (proc / process / "ns" / "mnt").symlink_to(f"mnt:[{namespace}]")
    found = device_users(os.makedev(8, 0), Path("/dev/sda"), proc=proc, sysfs=sysfs)
    assert found[0] == "sda1 is mounted at /data of process 77 (postgres)"


def test_a_disk_shares_its_bytes_with_partitions_and_what_is_upon_them(sysfs) -> None:
    found = related_devices(os.makedev(8, 0), sysfs=sysfs)
    assert found == {os.makedev(8, minor) for minor in range(3)} | {os.makedev(252, 0)}


def test_a_partition_shares_them_with_its_disk_and_not_with_its_neighbour(tmp_path: Path) -> None:
    disk, links = tmp_path / "devices" / "sda", tmp_path / "block"
    links.mkdir()
    for folder, number in ((disk, "8:0"), (disk / "sda1", "8:1"), (disk / "sda2", "8:2")):
        folder.mkdir(parents=True)
        (folder / "dev").write_text(f"{number}\n")
        (links / number).symlink_to(folder)
    (disk / "sda1" / "partition").write_text("1\n")
    found = related_devices(os.makedev(8, 1), sysfs=links)
    assert found == {os.makedev(8, 0), os.makedev(8, 1)}
    (disk / "holders" / "md0").mkdir(parents=True)
    used = device_users(os.makedev(8, 1), Path("/dev/sda1"), proc=tmp_path / "no", sysfs=links)
    assert used == ["sda, of which it is a partition, is used as a whole"]
