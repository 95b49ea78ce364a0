"""Containers are refused by name, with a way out, wherever they come from."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile

import pytest
from source.stream.test_streams_are_read_to_a_sound_end import piped
from support.streams import COMPRESS

from bulkput.model.errors import SourceError
from bulkput.source.format import MARKS, detect_format
from bulkput.source.open import open_source

__all__ = ["piped"]

FILLING = bytes(range(7, 250)) * 300


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("disk.raw", b"x")
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("machine.ovf"))
    return buffer.getvalue()


# Each by its specification: signature, then what its header has behind it.
NO_DISKS = {
    "VMDK (seSparse)": struct.pack("<QQQQ", 0xCAFEBABE, 0x2_0000_0001, 1 << 21, 8) + FILLING,
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + FILLING,
    "EnCase image (E01)": b"EVF\x09\x0d\x0a\xff\0\1\1\0\0\0" + FILLING,
    "EnCase image (Ex01)": b"EVF2\x0d\x0a\x81\0\2\1" + FILLING,
    "Advanced Forensic Format (AFF)": b"AFF10\r\n\0" + FILLING,
    "Parallels": b"WithoutFreeSpace" + FILLING,
    "Proxmox VMA": b"VMA\0\0\0\0\1" + FILLING,
    "Android sparse image": b"\x3a\xff\x26\xed\1\0\0\0\x1c\0\x0c\0" + FILLING,
    "Windows image (WIM)": b"MSWIM\0\0\0\xd0\0\0\0" + FILLING,
    "partclone image": b"partclone-image\x000002" + FILLING,
    "RAR": b"Rar!\x1a\x07\1\0" + FILLING,
    "lzip": b"LZIP\1\x0c" + FILLING,
    "lzop": b"\x89LZO\0\r\n\x1a\n" + FILLING,
    "compress (.Z)": b"\x1f\x9d\x90" + FILLING,
    "lzma": lzma.compress(b"disk" * 100, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress(b"disk"),
    "zip": zipped(),
    "tar or OVA": tarred(),
    "cpio": b"070701" + b"0" * 104 + FILLING,
    "RPM package": b"\xed\xab\xee\xdb\3\0" + FILLING,
    "dump(8) backup": bytes(24) + struct.pack("<I", 60012) + FILLING,
    "ZFS send stream": struct.pack("<QQ", 0, 0x2F5BACBAC) + FILLING,
    "OpenSSL-encrypted file": b"Salted__12345678" + FILLING,
    "age-encrypted file": b"age-encryption.org/v1\n-> X25519" + FILLING,
    "ELF program or core": b"\x7fELF\2\1\1" + FILLING,
    "PDF": b"%PDF-1.7\n" + FILLING,
    "Apple disk image (DMG)": FILLING + b"koly" + bytes(508),
    "an HTML page": b"\n <!DOCTYPE html><html><body>404</body></html>",
    "XML (an error of a server, an OVF description)": b'<?xml version="1.0"?><Error/>',
    "JSON": json.dumps({"message": "forbidden"}, indent=1).encode(),
    "a Git LFS pointer (git lfs pull)": b"version https://git-lfs.github.com/spec/v1\noid sha256:",
    "a list of checksums": b"d" * 64 + b"  disk.img\n",
    "GnuPG message": b"-----BEGIN PGP MESSAGE-----\n",
    "SQLite database": b"SQLite format 3\0" + FILLING,
}


def refusal(path, **choices):
    with pytest.raises(SourceError) as caught:
        open_source(path, **choices)
    assert "\n" not in str(caught.value)
    return caught.value.what


@pytest.mark.parametrize("name", NO_DISKS)
def test_a_container_is_refused_by_name_and_taken_if_it_is_configured_as_raw(tmp_path, name):
    path = tmp_path / "disk"
    path.write_bytes(NO_DISKS[name])
    what = refusal(path)
    assert f"like {name}, not like a raw disk" in what
    assert "set format: raw" in what
    source = open_source(path, format="raw")
    assert source.read_window(0, 1).block(0)[:600].tobytes().rstrip(b"\0") == (
        NO_DISKS[name][:600].rstrip(b"\0")
    )
    source.close()


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("name", ["7z", "VMDK (seSparse)", "an HTML page", "lzma"])
def test_what_is_compressed_is_looked_at_as_deep(tmp_path, kind, name):
    path = tmp_path / "disk"
    path.write_bytes(COMPRESS[kind](NO_DISKS[name]))
    assert f"is {kind} of what begins like {name}" in refusal(path, volume_size_gib=1)


@pytest.mark.parametrize("name", ["7z", "EnCase image (E01)", "an HTML page"])
def test_a_pipe_is_looked_at_as_deep(piped, tmp_path, name):
    piped(NO_DISKS[name], tmp_path)
    assert f"begins like {name}" in refusal("-", volume_size_gib=1)


@pytest.mark.parametrize(
    "mark", [each for each in MARKS if each.is_weak], ids=lambda each: each.name
)
def test_a_short_magic_does_not_hide_a_disk(mark):
    disk = bytearray(FILLING[:600])
    disk[mark.offset_bytes : mark.offset_bytes + len(mark.magic)] = mark.magic
    assert detect_format(bytes(disk), b"").name == mark.name
    disk[510:512] = b"\x55\xaa"
    assert detect_format(bytes(disk), b"") is None


def test_a_text_in_front_does_not_hide_a_disk():
    disk = bytearray(b"#!/bin/sh\n".ljust(2000, b" "))
    assert detect_format(bytes(disk), b"").name == "a script"
    disk[1080:1082] = b"\x53\xef"
    assert detect_format(bytes(disk), b"") is None


def test_every_row_of_the_table_is_found_by_its_own_magic_and_says_what_helps():
    for mark in MARKS:
        head = bytearray(FILLING[:70_000])
        foot = bytearray(FILLING[:70_000])
        content, start = (head, mark.offset_bytes)
        if start < 0:
            content, start = foot, len(foot) + start
        content[start : start + len(mark.magic)] = mark.magic
        found = detect_format(bytes(head), bytes(foot))
        assert found is mark
        assert mark.conversion


def test_gzip_of_nothing_known_is_gzip():
    assert detect_format(gzip.compress(b"x"), b"").read_as == "gzip"
