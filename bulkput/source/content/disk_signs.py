"""Signs of a disk: file systems, volume managers, RAID, encryption, databases, boot sectors. Pure.

Places and magic numbers after util-linux's libblkid (`superblocks/`, `partitions/`), which Linux
itself goes by, and the formats' own documentation.
"""

from typing import NamedTuple

SECTOR_BYTES = 512


class DiskSign(NamedTuple):
    """Bytes at a fixed place that only a disk has."""

    name: str
    magic: bytes
    offsets_bytes: tuple[int, ...]


_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
_SWAP = tuple(size - 10 for size in _PAGE_SIZES)

SIGNS: tuple[DiskSign, ...] = (
    DiskSign("boot sector or MBR", b"\x55\xaa", (510,)),
    DiskSign("GPT", b"EFI PART", (512, 1024, 2048, 4096)),
    DiskSign("Apple partition map", b"PM\0\0", (512, 2048)),
    DiskSign("Apple driver descriptor", b"ER\2\0", (0,)),
    DiskSign("BSD disklabel", b"\x57\x45\x56\x82", (0, 64, 512)),
    DiskSign("Sun disklabel", b"\xda\xbe", (508,)),
    DiskSign("SGI disklabel", b"\x0b\xe5\xa9\x41", (0,)),
    DiskSign("AIX volume", b"\xc9\xc2\xd4\xc1", (0,)),
    DiskSign("AIX volume", b"_LVM", (3584,)),
    DiskSign("DASD label", b"\xe5\xd6\xd3\xf1", (4, 1024, 2048, 4096, 8192)),
    DiskSign("Amiga RDB", b"RDSK", tuple(range(0, 16 * 512, 512))),
    DiskSign("ext2, ext3 or ext4", b"\x53\xef", (1080,)),
    DiskSign("XFS", b"XFSB", (0,)),
    DiskSign("XFS log", b"\xfe\xed\xba\xbe", (0,)),
    DiskSign("Btrfs", b"_BHRfS_M", (65600,)),
    DiskSign("NTFS", b"NTFS    ", (3,)),
    DiskSign("exFAT", b"EXFAT   ", (3,)),
    DiskSign("ReFS", b"\0\0\0ReFS\0", (0,)),
    DiskSign("BitLocker", b"-FVE-FS-", (3,)),
    DiskSign("FAT", b"FAT", (54, 82)),
    DiskSign("HFS", b"BD", (1024,)),
    DiskSign("HFS+", b"H+\0\4", (1024,)),
    DiskSign("HFSX", b"HX\0\5", (1024,)),
    DiskSign("APFS", b"NXSB", (32,)),
    DiskSign("UFS", b"\x54\x19\1\0", (9564, 66908)),
    DiskSign("UFS", b"\0\1\x19\x54", (9564, 66908)),
    DiskSign("UFS2", b"\x19\1\x54\x19", (9564, 66908)),
    DiskSign("UFS2", b"\x19\x54\1\x19", (9564, 66908)),
    DiskSign("ZFS", b"\x0c\xb1\xba\0\0\0\0\0", tuple(range(131072, 262144, 1024))),
    DiskSign("ZFS", b"\0\0\0\0\0\xba\xb1\x0c", tuple(range(131072, 262144, 1024))),
    DiskSign("ZFS", b"\0\0\0\7version", (16404, 16408, 16412, 16416)),
    DiskSign("F2FS", b"\x10\x20\xf5\xf2", (1024, 5120)),
    DiskSign("JFS", b"JFS1", (32768,)),
    DiskSign("ReiserFS", b"ReIsEr", (8244, 8212, 65588, 65556, 65536)),
    DiskSign("NILFS2", b"\x34\x34", (1030,)),
    DiskSign("bcachefs", b"\xc6\x85\x73\xf6\x66\xce\x90\xa9", (4120,)),
    DiskSign("bcache", b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca", (4120,)),
    DiskSign("squashfs", b"hsqs", (0,)),
    DiskSign("squashfs", b"sqsh", (0,)),
    DiskSign("EROFS", b"\xe2\xe1\xf5\xe0", (1024,)),
    DiskSign("ISO 9660", b"CD001", (32769,)),
    DiskSign("High Sierra CD", b"CDROM", (32777,)),
    DiskSign("UDF", b"BEA01", (32769,)),
    DiskSign("Minix", b"\x7f\x13", (1040,)),
    DiskSign("Minix", b"\x8f\x13", (1040,)),
    DiskSign("Minix", b"\x68\x24", (1040,)),
    DiskSign("Minix", b"\x78\x24", (1040,)),
    DiskSign("Minix 3", b"\x5a\x4d", (1048,)),
    DiskSign("romfs", b"-rom1fs-", (0,)),
    DiskSign("cramfs", b"\x45\x3d\xcd\x28", (0, 512)),
    DiskSign("cramfs", b"\x28\xcd\x3d\x45", (0, 512)),
    DiskSign("OCFS2", b"OCFSV2", (1024, 2048, 4096, 8192)),
    DiskSign("GFS or GFS2", b"\1\x16\x19\x70", (65536,)),
    DiskSign("BeFS", b"BFS1", (544,)),
    DiskSign("BeFS", b"1SFB", (544,)),
    DiskSign("HPFS", b"\x49\xe8\x95\xf9", (8192,)),
    DiskSign("VxFS", b"\xf5\xfc\1\xa5", (1024, 8192)),
    DiskSign("VxFS", b"\xa5\1\xfc\xf5", (1024, 8192)),
    DiskSign("Novell NSS", b"SPB5", (4096,)),
    DiskSign("Amiga file system", b"DOS", (0,)),
    DiskSign("UBIFS", b"\x31\x18\x10\x06", (0,)),
    DiskSign("VMFS", b"\x5e\xf1\xab\x2f", (0,)),
    DiskSign("LVM2 physical volume", b"LABELONE", (0, 512, 1024, 1536)),
    DiskSign("LVM1 physical volume", b"HM\1\0", (0,)),
    DiskSign("md RAID", b"\xfc\x4e\x2b\xa9", (0, 4096)),
    DiskSign("LUKS", b"LUKS\xba\xbe", (0,)),
    DiskSign("LUKS2, second header", b"SKUL\xba\xbe", (16384, 32768, 65536, 131072)),
    DiskSign("swap", b"SWAPSPACE2", _SWAP),
    DiskSign("swap", b"SWAP-SPACE", _SWAP),
    DiskSign("swap, hibernated", b"S1SUSPEND", _SWAP),
    DiskSign("swap, hibernated", b"LINHIB0001", _SWAP),
    DiskSign("VDO", b"dmvdo001", (0,)),
    DiskSign("Stratis", b"!Stra0tis\x86\xff\x02^", (516, 4612)),
    DiskSign("dm-verity", b"verity\0\0", (0,)),
    DiskSign("dm-integrity", b"integrt\0", (0,)),
    DiskSign("CoreStorage (FileVault)", b"CS", (88,)),
    DiskSign("Oracle ASM", b"ORCLDISK", (32,)),
    DiskSign("Oracle data file", b"\0\xa2\0\0", (0,)),
    DiskSign("Ceph BlueStore", b"bluestore block device", (0,)),
    DiskSign("Storage Spaces", b"SPACEDB ", (0, 4096)),
    DiskSign("softraid", b"marcCRAM", (8192,)),
    DiskSign("Chromium OS kernel", b"CHROMEOS", (0,)),
)
"""At the beginning."""

END_SIGNS: tuple[tuple[str, bytes], ...] = (
    ("GPT (second table)", b"EFI PART"),
    ("md RAID", b"\xfc\x4e\x2b\xa9"),
    ("md RAID", b"\xa9\x2b\x4e\xfc"),
    ("DDF RAID", b"\xde\x11\xde\x11"),
    ("DDF RAID", b"\x11\xde\x11\xde"),
    ("Intel RAID", b"Intel Raid ISM Cfg Sig. "),
    ("LSI RAID", b"$XIDE$"),
    ("NVIDIA RAID", b"NVIDIA"),
    ("Promise RAID", b"Promise Technology, Inc."),
    ("Adaptec RAID", b"DPTM"),
    ("GEOM (FreeBSD)", b"GEOM::"),
)
"""Near the end, at the start of a sector."""

_DRBD = (b"\x83\x74\x02\x67", b"\x83\x74\x02\x6b", b"\x83\x74\x02\x6d")
_DRBD_FROM_END_BYTES = 4096 - 60


def find_disk_sign(head: bytes, foot: bytes) -> str | None:
    """Return the name of the first sign that a disk bears; None if no sign is known.

    Args:
        head: Its first 256 KiB, or all.
        foot: Its last ones, or all; none where the end is not known.
    """
    for sign in SIGNS:
        for offset in sign.offsets_bytes:
            if head.startswith(sign.magic, offset):
                return sign.name
    # From the end backwards, as sectors count from there where a disk has whole ones.
    for start in range(len(foot) % SECTOR_BYTES, len(foot), SECTOR_BYTES):
        for name, magic in END_SIGNS:
            if foot.startswith(magic, start):
                return name
    at_end = foot[len(foot) - _DRBD_FROM_END_BYTES :][:4] if len(foot) >= 4096 else b""
    return "DRBD" if at_end in _DRBD else None
