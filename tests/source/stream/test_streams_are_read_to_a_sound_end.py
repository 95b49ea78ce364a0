"""Compressed disks and pipes give their bytes in order, or an error: never less without a word."""

import os
import random
import shutil
import subprocess
import tracemalloc
from contextlib import contextmanager

import pytest
from support.streams import COMPRESS

from bulkput.model.errors import ConfigError, SourceError
from bulkput.source.open import open_source
from bulkput.source.stream import open as stream_open
from bulkput.source.stream.feed import PIECE_SIZE_BYTES

BLOCK = 524_288
DISK = random.Random(5).randbytes(2 * BLOCK) + bytes(3 * BLOCK) + b"the end" * 1000


def read(source, window_blocks=4):
    """Return the whole disk, as a reader in order sees it, and make sure that it is complete."""
    disk = bytearray()
    for start, stop in source.extents():
        for first in range(start, stop, window_blocks):
            count = min(window_blocks, stop - first)
            window = source.read_window(first, count)
            for index in range(first, first + count):
                disk += window.block(index)
                window.release(index)
    source.check_complete()
    return bytes(disk)


@contextmanager
def opened(path, **choices):
    source = open_source(path, volume_size_gib=1, **choices)
    try:
        yield source
    finally:
        source.close()


def refused(tmp_path, content, **choices):
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught, opened(path, **choices) as source:
        read(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_disk_gives_its_bytes_and_then_zeros(tmp_path, kind):
    (tmp_path / "disk").write_bytes(COMPRESS[kind](DISK))
    with opened(tmp_path / "disk") as source:
        assert (source.format, source.block_count, source.reports_changes) == (kind, 2048, True)
        disk = read(source)
    assert disk[: len(DISK)] == DISK
    assert not any(disk[len(DISK) :])
    assert len(disk) < 100 * BLOCK  # what follows the end is no extent


@pytest.mark.parametrize("kind", COMPRESS)
def test_members_behind_each_other_are_one_disk(tmp_path, kind):
    parts = (DISK[:1000], b"", DISK[1000 : BLOCK + 3], DISK[BLOCK + 3 :])
    (tmp_path / "disk").write_bytes(b"".join(COMPRESS[kind](part) for part in parts))
    with opened(tmp_path / "disk") as source:
        assert read(source)[: len(DISK)] == DISK


@pytest.mark.parametrize("program", ["gzip", "xz", "zstd"])
def test_what_the_programs_make_is_read(tmp_path, program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, "-c"], input=DISK, capture_output=True, check=True)
    (tmp_path / "disk").write_bytes(done.stdout)
    with opened(tmp_path / "disk") as source:
        assert read(source)[: len(DISK)] == DISK


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("cut", ["in the middle", "in the checksum", "in the header", "at a piece"])
def test_a_stream_that_is_cut_is_never_complete(tmp_path, kind, cut):
    content = COMPRESS[kind](DISK)
    lengths = {
        "in the middle": len(content) // 2,
        "in the checksum": len(content) - 1,
        "in the header": 7,
        "at a piece": PIECE_SIZE_BYTES,
    }
    assert "damaged or cut short" in refused(tmp_path, content[: lengths[cut]])


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_stream_with_a_wrong_bit_is_never_complete(tmp_path, kind, place):
    content = bytearray(COMPRESS[kind](DISK))
    content[int(len(content) * place)] ^= 4
    assert "damaged or cut short" in refused(tmp_path, bytes(content))


def test_without_a_size_the_error_asks_for_it(tmp_path):
    (tmp_path / "disk").write_bytes(COMPRESS["gzip"](DISK))
    with pytest.raises(ConfigError, match="--volume-size-gib"):
        open_source(tmp_path / "disk")


def test_a_stream_longer_than_the_volume_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bulkput.source.stream.stream.GIB_BYTES", 5 * BLOCK)
    assert "longer than the volume" in refused(tmp_path, COMPRESS["gzip"](DISK))
    (tmp_path / "fits").write_bytes(COMPRESS["gzip"](DISK[: 5 * BLOCK]))
    with opened(tmp_path / "fits") as source:
        assert read(source) == DISK[: 5 * BLOCK]


def test_what_was_not_read_is_read_before_the_end_is_believed(tmp_path):
    content = COMPRESS["gzip"](DISK)
    (tmp_path / "disk").write_bytes(content[:-1])
    with opened(tmp_path / "disk") as source:
        source.read_window(0, 1)
        with pytest.raises(SourceError, match="cut short"):
            source.check_complete()


def test_blocks_may_be_passed_over_but_not_read_again(tmp_path):
    (tmp_path / "disk").write_bytes(COMPRESS["xz"](DISK))
    with opened(tmp_path / "disk") as source:
        assert source.read_window(1, 1).block(1) == DISK[BLOCK : 2 * BLOCK]
        assert source.read_window(5, 1).block(5)[:7000] == b"the end" * 1000
        with pytest.raises(SourceError, match="a second time"):
            source.read_window(4, 1)


def test_an_image_in_an_archive_is_refused_unless_it_is_configured_as_the_disk(tmp_path):
    content = COMPRESS["gzip"](b"QFI\xfb" + bytes(2000))
    assert "gzip of what begins like qcow2" in refused(tmp_path, content)
    with opened(tmp_path / "damaged", format="gzip") as source:
        assert read(source)[:4] == b"QFI\xfb"


@pytest.mark.parametrize("kind", COMPRESS)
def test_an_empty_disk_in_an_archive_is_refused_before_anything_is_started(tmp_path, kind):
    for parts in (1, 3):
        (tmp_path / "disk").write_bytes(COMPRESS[kind](b"") * parts)
        for configured in ("auto", kind):
            with pytest.raises(SourceError, match="is empty"):
                open_source(tmp_path / "disk", volume_size_gib=1, format=configured)


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_bomb_takes_no_more_memory_than_its_window(tmp_path, kind):
    (tmp_path / "bomb").write_bytes(COMPRESS[kind](bytes(200 * BLOCK)))
    with opened(tmp_path / "bomb") as source:
        tracemalloc.start()
        for first in range(0, 200, 2):
            window = source.read_window(first, 2)
            window.release(first)
            window.release(first + 1)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 16 << 20


def test_a_compressed_file_that_is_written_to_is_noticed(tmp_path):
    (tmp_path / "disk").write_bytes(COMPRESS["gzip"](DISK))
    with opened(tmp_path / "disk") as source:
        os.utime(tmp_path / "disk", ns=(1, 1))
        with pytest.raises(SourceError, match="was modified"):
            source.check_unchanged()


@pytest.fixture
def piped(monkeypatch):
    """Return a function that lets ``content`` be standard input, written by a process."""
    files = []

    def pipe(content, tmp_path):
        (tmp_path / "content").write_bytes(content)
        writer = subprocess.Popen(["cat", tmp_path / "content"], stdout=subprocess.PIPE)
        files.append(writer)
        monkeypatch.setattr(stream_open, "_STANDARD_INPUT_FD", writer.stdout.fileno())

    yield pipe
    for writer in files:
        writer.stdout.close()
        writer.wait()


@pytest.mark.parametrize("kind", [None, *COMPRESS])
def test_a_pipe_is_read_whatever_is_in_it(piped, tmp_path, kind):
    piped(COMPRESS[kind](DISK) if kind else DISK, tmp_path)
    with opened("-") as source:
        assert (source.format, source.kind) == (kind or "raw", "stream")
        assert not source.reports_changes
        assert read(source)[: len(DISK)] == DISK
        source.check_unchanged()
        ending = source.check_complete()
    assert ending is None if kind else f"after {len(DISK):,} bytes" in ending


def test_what_cannot_be_piped_is_refused(piped, tmp_path):
    piped(b"QFI\xfb" + bytes(600), tmp_path)
    with pytest.raises(SourceError, match="not read in order"):
        open_source("-", volume_size_gib=1)
    for nothing in (b"", COMPRESS["gzip"](b"")):
        piped(nothing, tmp_path)
        for wanted in ("auto", "gzip") if nothing else ("auto", "raw", *COMPRESS):
            with pytest.raises(SourceError, match="standard input: is empty"):
                open_source("-", volume_size_gib=1, format=wanted)
            piped(nothing, tmp_path)
    with pytest.raises(ConfigError, match="--volume-size-gib"):
        open_source("-")


def test_a_closed_one_is_refused_whatever_has_its_number(piped, tmp_path, monkeypatch):
    piped(DISK, tmp_path)
    monkeypatch.setattr("sys.__stdin__", None)
    with pytest.raises(SourceError, match="standard input: is closed"):
        open_source("-", volume_size_gib=1)


def test_a_terminal_is_refused(monkeypatch):
    ours, theirs = os.openpty()
    monkeypatch.setattr(stream_open, "_STANDARD_INPUT_FD", theirs)
    try:
        with pytest.raises(SourceError, match="is a terminal"):
            open_source("-", volume_size_gib=1)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, PIECE_SIZE_BYTES])
def test_a_zstd_frame_shorter_than_it_declares_is_damaged(tmp_path, monkeypatch, piece_bytes):
    monkeypatch.setattr("bulkput.source.stream.feed.PIECE_SIZE_BYTES", piece_bytes)
    declared, block, empty = 1000, b"disk" * 200, bytes([1, 0, 0])
    head = b"\x28\xb5\x2f\xfd\x60" + (declared - 256).to_bytes(2, "little")
    frame = head + (len(block) << 3).to_bytes(3, "little") + block + empty
    assert "damaged or cut short" in refused(tmp_path, frame)
    # Whole, with a skippable frame around it, it is none.
    size = (len(block) - 256).to_bytes(2, "little")
    (tmp_path / "disk").write_bytes(
        b"\x50\x2a\x4d\x18\3\0\0\0abc"
        + frame[:5]
        + size
        + frame[7:]
        + b"\x51\x2a\x4d\x18"
        + bytes(4)
    )
    with opened(tmp_path / "disk") as source:
        assert read(source)[: len(block) + 1] == block + b"\0"
