"""Files in a FAT: read from any place, over the borders of clusters."""

from support.boot_disks import MIB
from support.uefi_disks import Bytes

from bulkput.source.content.disk_bytes import DiskBytes
from bulkput.source.content.fat import FatVolume


def test_a_file_is_read_from_any_place_over_its_clusters(esp, tmp_path):
    content = bytes(range(256)) * 20
    image = esp((("/FILE.BIN", content),), bits=12, size_bytes=MIB)
    disk = DiskBytes(Bytes(image).block, len(image))
    volume = FatVolume(disk, 0)
    (entry,) = volume.root()
    assert volume.head(entry, 0, 10_000) == content
    assert volume.head(entry, 1000, 100) == content[1000:1100]
    assert volume.head(entry, 5119, 9) == content[5119:]
    assert volume.head(entry, 6000, 9) == b""
