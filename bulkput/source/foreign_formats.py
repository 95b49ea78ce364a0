"""Containers that hold a disk, or something else, and are none themselves: a table.

After the formats' own specifications where they have one, the sources of the programs that write
them, and file(1)'s magic (archive, compress, filesystems, images, msdos, virtual, vmware).
Squashfs, ISO 9660 and the like are not here: they are disks in their own right. What is not here
is still noticed as unlike a disk (`content/`).
"""

from bulkput.source.format_mark import FormatMark


def _qemu(name: str) -> str:
    return f"qemu-img convert -f {name} -O raw IMAGE disk.raw"


_Row = tuple[str, bytes, int]
_DECOMPRESS = "decompress it first"
_UNPACK = "unpack it first, then use the disk in it"
_RESTORE = "restore it to a disk with the program that made it, then use that"
_FORENSIC = "ewfexport -f raw, affconvert -r or xmount give the disk in it"
_NO_DISK = "use the disk itself"
_DECRYPT = "decrypt it first"

_IMAGES: tuple[FormatMark, ...] = (
    FormatMark("QED", b"QED\0", 0, _qemu("qed")),
    FormatMark("Parallels", b"WithoutFreeSpace", 0, _qemu("parallels")),
    FormatMark("Parallels", b"WithouFreSpacExt", 0, _qemu("parallels")),
    FormatMark("Bochs", b"Bochs Virtual HD Image", 0, _qemu("bochs")),
    FormatMark("cloop", b"#!/bin/sh\n#V2.0 Format\n", 0, _qemu("cloop")),
    # VMware's vSphere: seSparse, VMFS 6's snapshots; constMagic 0xCAFEBABE, little-endian 64 bits.
    FormatMark(
        "VMDK (seSparse)",
        b"\xbe\xba\xfe\xca\0\0\0\0",
        0,
        "consolidate the snapshot where it was made, or qemu-img convert -f vmdk its descriptor",
    ),
    FormatMark("User-mode Linux COW", b"MOOO\0\0\0", 0, "uml_moo merges it"),
    FormatMark("User-mode Linux COW", b"OOOM\0\0\0", 0, "uml_moo merges it"),
    FormatMark("Apple sparse image", b"sprs", 0, "hdiutil convert -format UDTO"),
    FormatMark("Apple sparse image (ASIF)", b"shdw", 0, "diskutil image convert to raw"),
    FormatMark("Apple disk image (DMG)", b"koly", -512, "dmg2img IMAGE disk.raw"),
    FormatMark("encrypted Apple disk image", b"encrcdsa", 0, "hdiutil convert decrypts it"),
    FormatMark("encrypted Apple disk image", b"cdsaencr", -8, "hdiutil convert decrypts it"),
    FormatMark("Android sparse image", b"\x3a\xff\x26\xed", 0, "simg2img IMAGE disk.raw"),
    FormatMark("Windows Full Flash Update", b"SignedImage ", 4, "ImgMount or ffu2img"),
    FormatMark("Windows image (WIM)", b"MSWIM\0\0\0", 0, "wimapply it to a disk first"),
    FormatMark("Windows image (WIM)", b"WLPWM\0\0\0", 0, "wimapply it to a disk first"),
    FormatMark("Proxmox VMA", b"VMA\0", 0, "vma extract, then use the disk in it"),
    FormatMark("Ceph RBD export", b"rbd image v2\n", 0, "rbd import, then rbd export"),
    FormatMark("Ceph RBD diff", b"rbd diff v1\n", 0, "rbd import-diff, then rbd export"),
    FormatMark("Ceph RBD diff", b"rbd diff v2\n", 0, "rbd import-diff, then rbd export"),
    FormatMark("CD in raw sectors", b"\0" + b"\xff" * 10 + b"\0", 0, "bchunk makes an ISO of it"),
    FormatMark("Nero CD image", b"NER5", -12, "nrg2iso"),
    FormatMark("Nero CD image", b"NERO", -8, "nrg2iso"),
    FormatMark("compressed ISO (CISO)", b"CISO", 0, _DECOMPRESS),
    FormatMark("compressed ISO (ISZ)", b"IsZ!", 0, _DECOMPRESS),
    FormatMark("compressed ISO (DAA)", b"DAA\0", 0, _DECOMPRESS),
    FormatMark("compressed hunks (CHD)", b"MComprHD", 0, "chdman extract"),
)

_BY_REMEDY: tuple[tuple[str, tuple[_Row, ...]], ...] = (
    (
        _FORENSIC,
        (
            ("EnCase image (E01)", b"EVF\x09\x0d\x0a\xff\0", 0),
            ("EnCase image (Ex01)", b"EVF2\x0d\x0a\x81\0", 0),
            ("EnCase logical evidence (L01)", b"LVF\x09\x0d\x0a\xff\0", 0),
            ("EnCase logical evidence (Lx01)", b"LEF2\x0d\x0a\x81\0", 0),
            ("Advanced Forensic Format (AFF)", b"AFF10\r\n\0", 0),
            ("AccessData image (AD1)", b"ADSEGMENTEDFILE\0", 0),
        ),
    ),
    (
        _RESTORE,
        (
            ("partclone image", b"partclone-image", 0),
            ("ntfsclone image", b"\0ntfsclone-image", 0),
            ("partimage image", b"PaRtImAgE-VoLuMe", 0),
            ("FSArchiver archive", b"FsA0", 0),
            ("Ghost image", b"\xfe\xef", 0),
            ("Acronis True Image backup", b"\xb4\x6e\x68\x44", 0),
            ("dump(8) backup", b"\x6c\xea\0\0", 24),
            ("dump(8) backup", b"\0\0\xea\x6c", 24),
            ("dump(8) backup (UFS2)", b"\x19\x01\x54\x19", 24),
            ("xfsdump", b"xFSdump0", 0),
            ("ZFS send stream", b"\xac\xcb\xba\xf5\2\0\0\0", 8),
            ("ZFS send stream", b"\0\0\0\2\xf5\xba\xcb\xac", 8),
            ("Btrfs send stream", b"btrfs-stream\0", 0),
            ("Windows NT backup (BKF)", b"TAPE", 0),
            ("PostgreSQL dump", b"PGDMP", 0),
        ),
    ),
    (
        _UNPACK,
        (
            ("zip", b"PK\x03\x04", 0),
            ("empty zip", b"PK\x05\x06", 0),
            ("spanned zip", b"PK\x07\x08", 0),
            ("tar or OVA", b"ustar", 257),
            ("7z", b"7z\xbc\xaf\x27\x1c", 0),
            ("RAR", b"Rar!\x1a\x07", 0),
            ("Cabinet", b"MSCF\0\0\0\0", 0),
            ("xar", b"xar!", 0),
            ("ARJ", b"\x60\xea", 0),
            ("ACE", b"**ACE**", 7),
            ("StuffIt", b"StuffIt ", 0),
            ("zpaq", b"7kSt\xa0\x31\x83\xd3", 0),
            ("zpaq", b"zPQ", 0),
            ("cpio", b"070701", 0),
            ("cpio", b"070702", 0),
            ("cpio", b"070707", 0),
            ("cpio", b"\xc7\x71", 0),
            ("Debian package or ar archive", b"!<arch>\n", 0),
            ("RPM package", b"\xed\xab\xee\xdb", 0),
            ("Android update payload", b"CrAU\0\0\0\0", 0),
        ),
    ),
    (
        _DECOMPRESS,
        (
            ("lz4", b"\x04\x22\x4d\x18", 0),
            ("lz4 (legacy)", b"\x02\x21\x4c\x18", 0),
            ("lzop", b"\x89LZO\0\r\n\x1a\n", 0),
            ("lzip", b"LZIP", 0),
            ("lrzip", b"LRZI", 0),
            ("rzip", b"RZIP", 0),
            ("lzma", b"\x5d\0\0", 0),
            ("lzfse", b"bvx2", 0),
            ("compress (.Z)", b"\x1f\x9d", 0),
            ("pack (.z)", b"\x1f\x1e", 0),
            ("snappy", b"\xff\x06\0\0sNaPpY", 0),
            ("gzip with an unknown method", b"\x1f\x8b", 0),
            ("Windows compress (SZDD)", b"SZDD\x88\xf0\x27\x33", 0),
        ),
    ),
    (
        _DECRYPT,
        (
            ("OpenSSL-encrypted file", b"Salted__", 0),
            ("age-encrypted file", b"age-encryption.org/v1", 0),
            ("GnuPG message", b"-----BEGIN PGP", 0),
            ("GnuPG message", b"\x85\x01\x0c\x03", 0),
            ("GnuPG message", b"\x85\x02\x0c\x03", 0),
            ("GnuPG message", b"\x8c\x0d\x04\x07", 0),
            ("GnuPG message", b"\x8c\x0d\x04\x09", 0),
            ("AES Crypt file", b"AES\2\0", 0),
        ),
    ),
    (
        _NO_DISK,
        (
            ("ELF program or core", b"\x7fELF", 0),
            ("Windows program", b"MZ", 0),
            ("Mach-O program", b"\xcf\xfa\xed\xfe", 0),
            ("Mach-O program", b"\xca\xfe\xba\xbe", 0),
            ("memory dump", b"KDUMP   ", 0),
            ("memory dump", b"EMiL\1\0\0\0", 0),
            ("memory dump", b"PAGEDU64", 0),
            ("VM saved state (libvirt)", b"LibvirtQemudSave", 0),
            ("VM saved state (QEMU)", b"QEVM\0\0\0\3", 0),
            ("VM saved state (VMware)", b"\xd2\xbe\xd2\xbe", 0),
            ("VM saved state (Xen)", b"LinuxGuestRecord", 0),
            ("U-Boot image", b"\x27\x05\x19\x56", 0),
            ("device tree or FIT image", b"\xd0\x0d\xfe\xed", 0),
            ("Android boot image", b"ANDROID!", 0),
            ("UBI image", b"UBI#\1\0\0\0", 0),
            ("SQLite database", b"SQLite format 3\0", 0),
            ("Office document", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0),
            ("PDF", b"%PDF-", 0),
            ("PNG picture", b"\x89PNG\r\n\x1a\n", 0),
            ("JPEG picture", b"\xff\xd8\xff", 0),
            ("GIF picture", b"GIF8", 0),
            ("TIFF picture", b"II*\0", 0),
            ("RIFF (WAV, AVI, WebP)", b"RIFF", 0),
            ("Matroska video", b"\x1a\x45\xdf\xa3", 0),
            ("MP4 video", b"ftyp", 4),
            ("Ogg", b"OggS\0", 0),
            ("packet capture", b"\xd4\xc3\xb2\xa1", 0),
            ("packet capture", b"\x0a\x0d\x0d\x0a", 0),
        ),
    ),
)

_WEAK_MAX_BYTES = 3
"""Of a magic: it stands at the start of one random disk in 16 million, or of another boot code."""

FOREIGN: tuple[FormatMark, ...] = _IMAGES + tuple(
    FormatMark(name, magic, offset, remedy, is_weak=len(magic) <= _WEAK_MAX_BYTES)
    for remedy, rows in _BY_REMEDY
    for name, magic, offset in rows
)
"""Formats that are refused unless the source is configured as raw."""
