"""What only the end of a stream shows is looked for there: a footer is no part of the disk."""

import pytest
from source.stream.test_streams_are_read_to_a_sound_end import opened, piped, read, refused
from support import written_images
from support.streams import COMPRESS

from bulkput.model.errors import SourceError
from bulkput.source.stream import stream_end

BLOCK = 524_288
GIB_BYTES = "bulkput.source.stream.stream.GIB_BYTES"
DISK = bytes(range(256)) * (3 * BLOCK // 256)

__all__ = ["piped"]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("length", [511, 512])
@pytest.mark.parametrize("disk_bytes", [512, 1024, 65_536, BLOCK, 3 * BLOCK, 3 * BLOCK - 512])
def test_a_fixed_vhd_is_a_disk_without_its_footer(tmp_path, monkeypatch, kind, length, disk_bytes):
    disk = DISK[:disk_bytes]
    volume = -(-disk_bytes // BLOCK)
    monkeypatch.setattr(GIB_BYTES, volume * BLOCK)  # a volume into which the disk fits exactly
    (tmp_path / "disk").write_bytes(COMPRESS[kind](written_images.fixed_vhd(disk, length=length)))
    with opened(tmp_path / "disk") as source:
        assert read(source, window_blocks=1) == disk.ljust(volume * BLOCK, b"\0")
        assert f"footer of a fixed VHD and no part of the disk, whose {disk_bytes:,}" in (
            source.check_complete()
        )


def test_a_fixed_vhd_in_a_pipe_is_a_disk_without_its_footer(piped, tmp_path, monkeypatch):
    monkeypatch.setattr(GIB_BYTES, 3 * BLOCK)
    piped(written_images.fixed_vhd(DISK), tmp_path)
    with opened("-") as source:
        assert read(source) == DISK
        assert f"ended after {len(DISK):,} bytes" in source.check_complete()
        assert "footer of a fixed VHD" in source.check_complete()


def test_a_disk_that_is_read_with_its_footer_if_the_format_is_named(tmp_path, piped):
    image = written_images.fixed_vhd(DISK)
    (tmp_path / "disk").write_bytes(COMPRESS["gzip"](image))
    with opened(tmp_path / "disk", format="gzip") as source:
        assert read(source)[: len(image)] == image
    piped(image, tmp_path)
    with opened("-", format="raw") as source:
        assert read(source)[: len(image)] == image


def test_a_volume_too_small_for_the_disk_itself_is_still_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(GIB_BYTES, 2 * BLOCK)
    content = COMPRESS["gzip"](written_images.fixed_vhd(DISK))
    assert "longer than the volume" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (written_images.fixed_vhd(DISK, size=len(DISK) - 512), "footer says"),
        (DISK + written_images.vhd_footer(len(DISK), kind=3), "ends like fixed VHD"),
        (DISK + written_images.vhd_footer(len(DISK))[:-1] + b"x", "ends like fixed VHD"),
        (DISK + b"koly" + bytes(508), "ends like Apple disk image"),
    ],
)
def test_what_ends_as_no_disk_does_is_refused(tmp_path, image, what):
    assert what in refused(tmp_path, COMPRESS["gzip"](image))


@pytest.mark.parametrize("length_bytes", [1, 100, 511, 512, 513, 1023, 1024, 1025, 5000])
def test_a_disk_that_only_resembles_one_is_whole(tmp_path, piped, length_bytes):
    disk = (b"conecti" * 1000)[:length_bytes]
    piped(disk, tmp_path)
    with opened("-") as source:
        assert read(source)[:length_bytes] == disk


@pytest.mark.parametrize("chunk", [1, 7, 511, 512, 513, 4096])
@pytest.mark.parametrize("footer", [0, 511, 512])
def test_however_it_is_read_the_same_bytes_come(chunk, footer):
    disk = DISK[:4608]
    content = written_images.fixed_vhd(disk, length=footer) if footer else disk

    class Memory:
        at = 0

        def read_into(self, view):
            some = content[self.at : self.at + len(view)]
            view[: len(some)] = some
            self.at += len(some)
            return len(some)

    stream = stream_end.EndChecked(Memory(), "x", [])
    got = b""
    while True:
        buffer = bytearray(chunk)
        count = stream.read_into(memoryview(buffer))
        got += buffer[:count]
        if count < chunk:
            break
    assert got == disk
    assert stream.read_into(memoryview(bytearray(5))) == 0


def test_damage_is_reported_as_before(tmp_path):
    (tmp_path / "disk").write_bytes(COMPRESS["gzip"](DISK)[:-3])
    with pytest.raises(SourceError, match="damaged"), opened(tmp_path / "disk") as source:
        read(source)
