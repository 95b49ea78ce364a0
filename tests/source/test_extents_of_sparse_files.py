"""The walk over holes: bounded, lazy, and awake to a file that changes."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.errors import SourceError
from bulkput.source import extents as extents_module
from bulkput.source.open import open_source


def needs_holes(path: Path) -> None:
    with path.open("rb") as file:
        if os.lseek(file.fileno(), 0, os.SEEK_HOLE) == path.stat().st_size:
            pytest.skip(f"the file system of {path.parent} knows no holes")


def test_extents_are_rounded_outward_and_merged_where_they_touch(sparse_file) -> None:
    size_bytes = 40 * BLOCK_SIZE_BYTES + 5
    pieces = {
        BLOCK_SIZE_BYTES + 100_000: b"x",  # inside block 1
        3 * BLOCK_SIZE_BYTES - 1: b"xy",  # over the edge of 2 and 3
        20 * BLOCK_SIZE_BYTES: b"x" * BLOCK_SIZE_BYTES,
        size_bytes - 1: b"x",
    }
    path = sparse_file("a.img", size_bytes, pieces)
    needs_holes(path)
    source = open_source(path)
    assert list(source.extents()) == [Extent(1, 4), Extent(20, 21), Extent(40, 41)]
    assert list(source.extents(21)) == [Extent(40, 41)]
    assert list(source.extents(2)) == [Extent(2, 4), Extent(20, 21), Extent(40, 41)]
    source.close()


def test_a_file_that_is_one_hole_has_no_extents(sparse_file) -> None:
    path = sparse_file("hole", 5 * BLOCK_SIZE_BYTES + 1, {})
    needs_holes(path)
    source = open_source(path)
    assert list(source.extents()) == []
    source.close()


def test_a_finely_broken_file_costs_two_seeks_a_block_at_most(sparse_file, monkeypatch) -> None:
    blocks = 32
    pieces = dict.fromkeys(range(0, blocks * BLOCK_SIZE_BYTES, 8192), b"x")
    path = sparse_file("fine", blocks * BLOCK_SIZE_BYTES, pieces)
    needs_holes(path)
    seeks = 0

    def counted(fd: int, offset_bytes: int, whence: int) -> int:
        nonlocal seeks
        seeks += 1
        return real(fd, offset_bytes, whence)

    real = os.lseek
    source = open_source(path)
    monkeypatch.setattr(extents_module.os, "lseek", counted)
    assert list(source.extents()) == [Extent(0, blocks)]
    assert seeks <= 2 * blocks
    source.close()


def test_extents_are_found_only_as_far_as_they_are_asked_for(sparse_file, monkeypatch) -> None:
    pieces = dict.fromkeys(range(0, 4000 * BLOCK_SIZE_BYTES, 4 * BLOCK_SIZE_BYTES), b"x")
    path = sparse_file("many", 4000 * BLOCK_SIZE_BYTES, pieces)
    needs_holes(path)
    source = open_source(path)
    walk = source.extents()
    assert next(walk) == Extent(0, 1)
    monkeypatch.setattr(extents_module.os, "lseek", lambda *_: pytest.fail("went ahead"))
    del walk
    source.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_without_holes_gives_one_extent(sparse_file, monkeypatch, number) -> None:
    def unsupported(*_: int) -> int:
        raise OSError(number, os.strerror(number))

    source = open_source(sparse_file("a.img", 7 * BLOCK_SIZE_BYTES + 1, {}))
    monkeypatch.setattr(extents_module.os, "lseek", unsupported)
    assert list(source.extents()) == [Extent(0, 8)]
    assert list(source.extents(3)) == [Extent(3, 8)]
    source.close()


def test_another_error_while_looking_for_holes_is_the_sources(sparse_file, monkeypatch) -> None:
    def broken(*_: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    source = open_source(sparse_file("a.img", BLOCK_SIZE_BYTES, {}))
    monkeypatch.setattr(extents_module.os, "lseek", broken)
    with pytest.raises(SourceError, match="searched for holes: Input/output error"):
        list(source.extents())
    source.close()


def test_a_file_truncated_during_the_walk_is_an_error_and_no_final_hole(sparse_file) -> None:
    pieces = {0: b"x", 20 * BLOCK_SIZE_BYTES: b"x"}
    path = sparse_file("a.img", 30 * BLOCK_SIZE_BYTES, pieces)
    needs_holes(path)
    source = open_source(path)
    walk = source.extents()
    assert next(walk) == Extent(0, 1)
    os.truncate(path, 10 * BLOCK_SIZE_BYTES)
    with pytest.raises(SourceError, match="truncated from 15728640 to 5242880 bytes"):
        list(walk)
    source.close()


def test_a_walk_that_outlives_its_source_touches_no_other_file(sparse_file, monkeypatch) -> None:
    path = sparse_file("a.img", 30 * BLOCK_SIZE_BYTES, {0: b"x"})
    source = open_source(path)
    real = os.lseek

    def hung(fd: int, offset_bytes: int, whence: int) -> int:
        found = real(fd, offset_bytes, whence)
        source.close()
        monkeypatch.setattr(extents_module.os, "lseek", lambda *_: pytest.fail("of another file"))
        return found

    monkeypatch.setattr(extents_module.os, "lseek", hung)
    with pytest.raises(SourceError, match="was closed"):
        list(source.extents())


def test_data_appended_during_the_walk_is_not_the_sources(sparse_file) -> None:
    path = sparse_file("a.img", 30 * BLOCK_SIZE_BYTES, {0: b"x"})
    needs_holes(path)
    source = open_source(path)
    with path.open("r+b") as file:
        file.seek(40 * BLOCK_SIZE_BYTES)
        file.write(b"x")
    assert list(source.extents()) == [Extent(0, 1)]
    source.close()


def test_holes_punched_into_a_file_count_as_holes(sparse_file) -> None:
    if shutil.which("fallocate") is None:
        pytest.skip("fallocate is not installed")
    path = sparse_file("a.img", 8 * BLOCK_SIZE_BYTES, {0: b"x" * (8 * BLOCK_SIZE_BYTES)})
    command = ["fallocate", "-p", "-o", str(2 * BLOCK_SIZE_BYTES), "-l", str(BLOCK_SIZE_BYTES)]
    if subprocess.run([*command, str(path)], capture_output=True, check=False).returncode != 0:
        pytest.skip("the file system cannot punch holes")
    source = open_source(path)
    assert list(source.extents()) == [Extent(0, 2), Extent(3, 8)]
    source.close()
