"""Reads are complete or fail with the place; a bad sector never becomes zeros."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.source import read_exactly
from bulkput.source.open import open_source
from bulkput.source.source import Source

BLOCKS = 4
Preadv = Callable[[int, Sequence[memoryview], int], int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.img"
    path.write_bytes(os.urandom(BLOCKS * BLOCK_SIZE_BYTES - 1000))
    return path


@pytest.fixture
def source(path: Path):
    source = open_source(path, reader="preadv")
    yield source
    source.close()


def content(source: Source) -> bytes:
    window = source.read_window(0, BLOCKS)
    return b"".join(window.block(index) for index in range(BLOCKS))[: source.size_bytes]


def test_short_reads_are_continued(source: Source, path: Path, monkeypatch) -> None:
    def short(fd: int, buffers: Sequence[memoryview], offset_bytes: int) -> int:
        length_bytes = min(100_001, sum(len(buffer) for buffer in buffers))
        data = os.pread(fd, length_bytes, offset_bytes)
        done_bytes = 0
        for buffer in buffers:
            part = data[done_bytes : done_bytes + len(buffer)]
            buffer[: len(part)] = part
            done_bytes += len(part)
        return len(data)

    monkeypatch.setattr(read_exactly.os, "preadv", short)
    assert content(source) == path.read_bytes()


def failing(bad_bytes: range, failures: list[int], number: int = errno.EIO) -> Preadv:
    """Answer like a disk with a bad range: what lies before it is read, then it fails."""
    real = os.preadv

    def preadv(fd: int, buffers: Sequence[memoryview], offset_bytes: int) -> int:
        length_bytes = sum(len(buffer) for buffer in buffers)
        if (
            failures
            and offset_bytes < bad_bytes.stop
            and bad_bytes.start < (offset_bytes + length_bytes)
        ):
            good_bytes = bad_bytes.start - offset_bytes
            if good_bytes <= 0:
                failures.pop()
                raise OSError(number, os.strerror(number))
            first = next(iter(buffers))
            return real(fd, [first[: min(good_bytes, len(first))]], offset_bytes)
        return real(fd, buffers, offset_bytes)

    return preadv


def test_an_error_that_passes_is_tried_again(source: Source, path: Path, monkeypatch) -> None:
    failures = [1, 1, 1]
    bad_bytes = range(700_416, 704_512)
    monkeypatch.setattr(read_exactly.os, "preadv", failing(bad_bytes, failures))
    assert content(source) == path.read_bytes()
    assert not failures


def test_a_bad_sector_is_named_to_the_sector(source: Source, monkeypatch) -> None:
    bad_bytes = range(700_416, 704_512)
    monkeypatch.setattr(read_exactly.os, "preadv", failing(bad_bytes, [1] * 100))
    with pytest.raises(SourceError, match=r"\(EIO\)") as caught:
        source.read_window(0, BLOCKS)
    assert caught.value.offset_bytes == 700_416
    assert caught.value.length_bytes == 4096
    assert caught.value.block_index == 1


def test_a_bad_sector_is_tried_four_times(source: Source, monkeypatch) -> None:
    failures = [1] * 100
    monkeypatch.setattr(read_exactly.os, "preadv", failing(range(4096), failures))
    with pytest.raises(SourceError):
        source.read_window(0, BLOCKS)
    assert len(failures) == 100 - 1 - 4  # once by the read of the whole window, four times alone


def test_an_error_that_no_disk_gives_is_not_tried_again(source: Source, monkeypatch) -> None:
    failures = [1] * 100
    monkeypatch.setattr(read_exactly.os, "preadv", failing(range(4096), failures, errno.ESTALE))
    with pytest.raises(SourceError, match="ESTALE"):
        source.read_window(0, BLOCKS)
    assert len(failures) == 98


@pytest.mark.parametrize("reader", ["auto", "preadv"])
def test_a_file_that_lost_its_end_fails_where_it_ends(path: Path, reader) -> None:
    source = open_source(path, reader=reader)
    os.truncate(path, BLOCK_SIZE_BYTES + 10)
    with pytest.raises(SourceError, match="it was truncated") as caught:
        source.read_window(0, BLOCKS)
    assert (caught.value.block_index, caught.value.offset_bytes) == (1, BLOCK_SIZE_BYTES + 10)
    source.close()


def test_more_buffers_than_one_call_takes_are_filled(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(read_exactly, "_IOV_MAX", 3)
    path = tmp_path / "a.img"
    path.write_bytes(os.urandom(8 * 1000))
    buffers = [bytearray(1000) for _ in range(8)]
    with path.open("rb") as file:
        read_exactly.read_exactly(
            file.fileno(), path, 0, [memoryview(buffer) for buffer in buffers]
        )
    assert b"".join(buffers) == path.read_bytes()
