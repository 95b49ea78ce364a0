"""Images written byte by byte after their formats' specifications, by no program that reads them.

Each holds ``disk`` in full, so that every byte of it has to come back.
"""

import struct
from uuid import UUID

SECTOR = 512
MIB = 1 << 20


def geometry_of(sectors):
    """Return the cylinders, heads and sectors of Microsoft's algorithm, which rounds down."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        per_track, heads = 255, 16
        cylinder_heads = sectors // per_track
    else:
        per_track = 17
        cylinder_heads = sectors // per_track
        heads = max((cylinder_heads + 1023) // 1024, 4)
        if cylinder_heads >= heads * 1024 or heads > 16:
            per_track, heads = 31, 16
            cylinder_heads = sectors // per_track
        if cylinder_heads >= heads * 1024:
            per_track, heads = 63, 16
            cylinder_heads = sectors // per_track
    return cylinder_heads // heads, heads, per_track


def vhd_footer(size, kind=2, creator=b"wa\0\0", geometry=None, data_at=2**64 - 1, length=512):
    cylinders, heads, sectors = geometry or geometry_of(size // SECTOR)
    footer = bytearray(
        struct.pack(
            ">8sIIQI4sI4sQQHBBII16sB",
            *(b"conectix", 2, 0x10000, data_at, 0, creator, 0x10000, b"Wi2k", size, size),
            *(cylinders, heads, sectors, kind, 0, b"\1" * 16, 0),
        ).ljust(length, b"\0")
    )
    footer[64:68] = struct.pack(">I", ~sum(footer) & 0xFFFF_FFFF)
    return bytes(footer)


def fixed_vhd(disk, **footer):
    return disk + vhd_footer(footer.pop("size", len(disk)), 2, **footer)


def dynamic_vhd(disk, creator=b"wa\0\0", size=None, geometry=None, foot_size=None, kind=3):
    """Blocks of 2 MiB, each behind its bitmap of one sector."""
    size = len(disk) if size is None else size
    block = 2 * MIB
    count = -(-len(disk) // block)
    footer = {"kind": kind, "creator": creator, "geometry": geometry, "data_at": SECTOR}
    header = bytearray(
        struct.pack(">8sQQIIII", b"cxsparse", 2**64 - 1, 1536, 0x10000, count, block, 0)
    )
    header = bytearray(bytes(header).ljust(1024, b"\0"))
    header[36:40] = struct.pack(">I", ~sum(header) & 0xFFFF_FFFF)
    table_bytes = -(-4 * count // SECTOR) * SECTOR
    first = 3 + table_bytes // SECTOR
    places = [first + index * (1 + block // SECTOR) for index in range(count)]
    table = struct.pack(f">{count}I", *places).ljust(table_bytes, b"\xff")
    blocks = b"".join(
        b"\xff" * SECTOR + disk[index * block : (index + 1) * block].ljust(block, b"\0")
        for index in range(count)
    )
    foot = vhd_footer(size if foot_size is None else foot_size, **footer)
    return vhd_footer(size, **footer) + bytes(header) + table + blocks + foot


def crc32c(content):
    crc = 0xFFFF_FFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F6_3B78 * (crc & 1)
    return crc ^ 0xFFFF_FFFF


def _summed(content, size):
    """Return ``content`` with its CRC-32C at byte 4, over all of its ``size`` bytes."""
    content = bytearray(content.ljust(size, b"\0"))
    content[4:8] = struct.pack("<I", crc32c(content))
    return bytes(content)


def vhdx(disk, size=None, flags=0, sector=SECTOR):
    """Header, region table, log, metadata, block table and blocks, a MiB each."""

    def guid(text):
        return UUID(text).bytes_le

    head = struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, 1, *[bytes(16)] * 3, 0, 1, MIB, MIB)
    head = _summed(head, 4096)
    regions = struct.pack("<4sIII", b"regi", 0, 2, 0)
    regions += guid("2DC27766-F623-4200-9D64-115E9BFD4A08") + struct.pack("<QII", 3 * MIB, MIB, 1)
    regions += guid("8B7CA206-4790-4B9A-B8FE-575F050F886E") + struct.pack("<QII", 2 * MIB, MIB, 1)
    regions = _summed(regions, 64 << 10)
    items = (
        ("CAA16737-FA36-4D43-B3B6-33F0AA44E76B", struct.pack("<II", MIB, flags)),
        ("2FA54224-CD1B-4876-B211-5DBED83BF4B8", struct.pack("<Q", size or len(disk))),
        ("BECA12AB-B2E6-4523-93EF-C309E000C746", b"\2" * 16),
        ("8141BF1D-A96F-4709-BA47-F233A8FAAB5F", struct.pack("<I", sector)),
        ("CDA348C7-445D-4471-9CC9-E9885251C556", struct.pack("<I", 4096)),
    )
    metadata = struct.pack("<8sHH20x", b"metadata", 0, len(items))
    values = b""
    for name, value in items:
        place = (64 << 10) + len(values)
        metadata += guid(name) + struct.pack("<IIII", place, len(value), 6, 0)
        values += value
    count = -(-len(disk) // MIB)
    table = struct.pack(f"<{count}Q", *((4 + index) * MIB | 6 for index in range(count)))
    parts = {
        0: b"vhdxfile",
        64 << 10: head,
        128 << 10: head,
        192 << 10: regions,
        256 << 10: regions,
        2 * MIB: metadata,
        2 * MIB + (64 << 10): values,
        3 * MIB: table,
        4 * MIB: disk.ljust(count * MIB, b"\0"),
    }
    content = bytearray((4 + count) * MIB)
    for at, part in parts.items():
        content[at : at + len(part)] = part
    return bytes(content)


def vdi(disk, size=None):
    count = -(-len(disk) // MIB)
    data_at = MIB
    head = bytearray(SECTOR)
    head[:39] = b"<<< Oracle VM VirtualBox Disk Image >>>"
    struct.pack_into("<IIIII", head, 0x40, 0xBEDA107F, 0x10001, 0x190, 2, 0)
    struct.pack_into("<IIIIIII", head, 0x154, SECTOR, data_at, 0, 0, 0, SECTOR, 0)
    struct.pack_into("<QIIII", head, 0x170, size or len(disk), MIB, 0, count, count)
    head[0x188:0x198] = b"\3" * 16
    head[0x198:0x1A8] = b"\4" * 16
    table = struct.pack(f"<{count}I", *range(count))
    return (bytes(head) + table).ljust(data_at, b"\0") + disk.ljust(count * MIB, b"\0")


def vmdk(disk, capacity=None, named=None):
    """A monolithicSparse one in grains of 64 KiB."""
    grain, entries = 128, 512
    sectors = len(disk) // SECTOR
    grains = -(-sectors // grain)
    tables = -(-grains // entries)
    text = (
        "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
        f'createType="monolithicSparse"\n\nRW {named or sectors} SPARSE "disk.vmdk"\n'
    )
    directory_at, table_at = 21, 22
    data_at = 128 * (1 + (table_at + tables * 4) // 128)
    head = struct.pack(
        "<4sIIQQQQIQQQ?4sH",
        *(b"KDMV", 1, 3, capacity or sectors, grain, 1, 20, entries, 0, directory_at, data_at),
        *(False, b"\n \r\n", 0),
    )
    directory = struct.pack(f"<{tables}I", *(table_at + 4 * index for index in range(tables)))
    table = struct.pack(f"<{grains}I", *(data_at + grain * index for index in range(grains)))
    content = bytearray(data_at * SECTOR)
    for at, part in ((0, head), (1, text.encode()), (directory_at, directory), (table_at, table)):
        content[at * SECTOR : at * SECTOR + len(part)] = part
    return bytes(content) + disk.ljust(grains * grain * SECTOR, b"\0")


def qcow2(disk, size=None, l1_entries=None, l2_at=None, cluster_bits=16):
    """Version 2 with one table, which must do for the disk: 512 MiB in clusters of 64 KiB."""
    cluster = 1 << cluster_bits
    count = -(-len(disk) // cluster)
    l1_entries = l1_entries or 1
    l1_clusters = -(-8 * l1_entries // cluster)
    table_at = (1 + l1_clusters) * cluster
    refcounts_at = table_at + cluster
    data_at = refcounts_at + 2 * cluster
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", 2, 0, 0, cluster_bits, size or len(disk), 0, l1_entries, cluster),
        *(refcounts_at, 1, 0, 0),
    ).ljust(cluster, b"\0")
    l1 = struct.pack(">Q", (l2_at or table_at) | 1 << 63) * l1_entries
    l2 = struct.pack(
        f">{count}Q", *((data_at + cluster * index) | 1 << 63 for index in range(count))
    )
    references = struct.pack(">Q", refcounts_at + cluster).ljust(cluster, b"\0")
    used = data_at // cluster + count
    references += struct.pack(f">{used}H", *[1] * used).ljust(cluster, b"\0")
    tables = l1.ljust(l1_clusters * cluster, b"\0") + l2.ljust(cluster, b"\0") + references
    return head + tables + disk.ljust(count * cluster, b"\0")
