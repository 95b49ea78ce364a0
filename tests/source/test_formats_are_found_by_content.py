"""Images that are no raw disks are noticed, made by the programs that make them."""

import bz2
import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from bulkput.model.errors import SourceError
from bulkput.source.format import HEAD_SIZE_BYTES, MARKS, detect_format
from bulkput.source.open import open_source


def refusal_of(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(path)
    return caught.value.what


def test_a_qed_image_is_refused_by_name(tmp_path: Path) -> None:
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    path = tmp_path / "image"
    command = ["qemu-img", "create", "-q", "-f", "qed", str(path), "8M"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this qemu-img makes no qed: {done.stderr.strip()}")
    what = refusal_of(path)
    assert "begins like QED, not like a raw disk" in what
    assert "qemu-img convert -f qed" in what
    assert "format: raw" in what


@pytest.mark.parametrize("magic", [b"QFI\xfb", b"KDMV", b"conectix", b"vhdxfile"])
def test_a_raw_disk_that_begins_like_an_image_is_taken_as_it_is_if_that_is_configured(
    tmp_path: Path, magic: bytes
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(magic + b"\1" * 1000)
    source = open_source(path, format="raw")
    assert source.format == "raw"
    assert source.read_window(0, 1).block(0)[: len(magic)] == magic
    source.close()


@pytest.mark.parametrize(
    ("configured", "content", "like"),
    [
        ("qcow2", bytes(600), "begins like a raw disk, or a format that is not known"),
        ("qcow2", b"KDMV" + bytes(600), "begins like VMDK"),
        ("vhdx", b"QFI\xfb" + bytes(600), "begins like qcow2"),
        ("vdi", bytes(88) + b"conectix" + bytes(504), "ends like fixed VHD"),
    ],
)
def test_a_format_that_the_content_contradicts_is_refused(
    tmp_path: Path, configured, content: bytes, like: str
) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(
        SourceError, match=f"is not {configured}, which the format is set to"
    ) as caught:
        open_source(path, format=configured)
    assert like in caught.value.what


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("disk.raw", b"x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("machine.ovf"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bzip2", bz2.compress(b"disk")),
        ("zip", zipped()),
        ("tar or OVA", tarred()),
    ],
)
def test_archives_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "archive"
    path.write_bytes(content)
    assert f"begins like {name}, not like a raw disk" in refusal_of(path)


@pytest.mark.parametrize("program", ["lz4"])
def test_what_the_program_itself_makes_is_refused_by_name(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, "-c"], input=b"disk", capture_output=True, check=True)
    path = tmp_path / "archive"
    path.write_bytes(done.stdout)
    assert f"begins like {program}" in refusal_of(path)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        bytes(600),
        b"\xeb\x63\x90" + bytes(507) + b"\x55\xaa",
        bytes(100) + b"conectix" + bytes(500),
        b"conecti",
        bytes(500) + b"conectix",
        b"\xeb\x3c" + b"QFI\xfb" + bytes(600),
    ],
)
def test_what_only_resembles_a_format_is_raw(content: bytes) -> None:
    assert detect_format(content[:HEAD_SIZE_BYTES], content[-HEAD_SIZE_BYTES:]) is None


def test_every_mark_lies_within_the_bytes_that_are_read() -> None:
    for mark in MARKS:
        last = mark.offset_bytes + len(mark.magic)
        assert mark.offset_bytes >= -HEAD_SIZE_BYTES
        assert last <= (HEAD_SIZE_BYTES if mark.offset_bytes >= 0 else 0)
