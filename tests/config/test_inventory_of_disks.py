"""Volumes that are the disks of the machine: never the system's."""

import pytest

from bulkput.config.block_devices import Disk, NoRootDiskError, chosen_disks, read_disks
from bulkput.config.volumes_from import VolumesFrom, volumes_of

DISKS = [
    Disk("nvme0n1", 8 << 30, is_system=True, is_used=True),
    Disk("nvme1n1", 500 << 30, is_system=False, is_used=True),
    Disk("sdb", 20 << 30, is_system=False, is_used=False),
    Disk("sda", 1 << 30, is_system=False, is_used=False),
    Disk("sdc", 0, is_system=False, is_used=False),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["sda", "sdb"]),
        ({"unmounted": False}, ["nvme1n1", "sda", "sdb"]),
        ({"exclude": ["sd*"]}, []),
        ({"exclude": ["/dev/sda"]}, ["sdb"]),
        ({"min_size": "10GiB"}, ["sdb"]),
    ],
)
def test_disks_are_taken_but_never_the_systems(tmp_path, wanted, names):
    section = VolumesFrom(block_devices=wanted, allow_empty=True)
    table = volumes_of(
        section,
        folder=tmp_path,
        convert=lambda _, text: text,
        allow_command=False,
        disks=lambda: list(DISKS),
    )
    assert [row.data["source"]["path"] for row in table.rows] == [f"/dev/{name}" for name in names]
    assert not chosen_disks(DISKS[:1], unmounted=False, exclude=(), min_size_bytes=0)


def a_machine(tmp_path, mountinfo, swaps=""):
    """A tree as sysfs and procfs have it: an LVM root on two disks, a data disk, two free ones."""
    sysfs, proc = tmp_path / "sys", tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "mountinfo").write_text(mountinfo)
    (proc / "swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    by_number = sysfs / "dev" / "block"
    by_number.mkdir(parents=True)
    for name, number, parts in [
        ("sda", "8:0", ["1", "2"]),
        ("sdb", "8:16", ["1"]),
        ("sdc", "8:32", ["1"]),
        ("sdd", "8:48", []),
        ("sde", "8:64", []),
        ("dm-0", "253:0", None),
        ("sr0", "11:0", []),
        ("loop0", "7:0", None),
    ]:
        disk = sysfs / "block" / name
        (disk / "holders").mkdir(parents=True)
        (disk / "slaves").mkdir()
        (disk / "dev").write_text(number)
        (disk / "size").write_text("2048\n")
        (by_number / number).symlink_to(disk)
        if parts is not None:
            (disk / "device").mkdir()
        for part in parts or ():
            folder = disk / f"{name}{part}"
            (folder / "holders").mkdir(parents=True)
            (folder / "partition").touch()
            major, minor = number.split(":")
            own = f"{major}:{int(minor) + int(part)}"
            (folder / "dev").write_text(own)
            (by_number / own).symlink_to(folder)
    for disk, part in (("sda", "sda2"), ("sdb", "sdb1")):
        (sysfs / "block" / "dm-0" / "slaves" / part).symlink_to(sysfs / "block" / disk / part)
        (sysfs / "block" / disk / part / "holders" / "dm-0").symlink_to(sysfs / "block" / "dm-0")
    return sysfs, proc


def mount(number, point, source):
    return f"36 35 {number} / {point} rw,noatime master:1 - ext4 {source} rw\n"


def test_the_disks_below_the_root_are_found_through_partitions_and_lvm(tmp_path):
    mounts = mount("253:0", "/", "/dev/mapper/root") + mount("8:33", "/data", "/dev/sdc1")
    sysfs, proc = a_machine(tmp_path, mounts, "/dev/sde partition 1024 0 -2\n")
    found = {disk.name: (disk.is_system, disk.is_used) for disk in read_disks(sysfs, proc)}
    assert found == {
        "sda": (True, True),
        "sdb": (True, True),
        "sdc": (False, True),
        "sdd": (False, False),
        "sde": (False, True),
    }
    assert all(disk.size_bytes == 1 << 20 for disk in read_disks(sysfs, proc))


def test_where_no_root_disk_can_be_seen_nothing_is_taken(tmp_path):
    sysfs, proc = a_machine(tmp_path, mount("0:50", "/", "overlay"))
    with pytest.raises(NoRootDiskError):
        read_disks(sysfs, proc)
