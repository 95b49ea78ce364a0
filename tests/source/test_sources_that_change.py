"""A file that is not what it was when opened is noticed, and the sentence says how."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import SourceError
from bulkput.source.identity import difference
from bulkput.source.open import open_source
from bulkput.source.source import Source

SIZE_BYTES = 2 * BLOCK_SIZE_BYTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.img"
    path.write_bytes(b"x" * SIZE_BYTES)
    os.utime(path, ns=(10**18, 10**18))
    return path


@pytest.fixture
def source(path: Path):
    source = open_source(path)
    yield source
    source.close()


def change_of(source: Source) -> str:
    with pytest.raises(SourceError) as caught:
        source.check_unchanged()
    return caught.value.what


def test_reading_is_no_change(source: Source, path: Path) -> None:
    path.read_bytes()
    list(source.extents())
    source.read_window(0, 2).close()
    source.check_unchanged()


def test_a_shorter_file_was_truncated(source: Source, path: Path) -> None:
    os.truncate(path, 5)
    assert change_of(source).startswith("was truncated from 1048576 to 5 bytes")


def test_a_longer_file_grew(source: Source, path: Path) -> None:
    os.truncate(path, SIZE_BYTES + 1)
    assert change_of(source).startswith("grew from 1048576 to 1048577 bytes")


def test_a_written_file_was_modified(source: Source, path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"y")
    assert change_of(source).startswith("was modified")


def test_a_write_whose_time_was_set_back_is_noticed(source: Source, path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"y")
    os.utime(path, ns=(10**18, 10**18))
    assert "with the time set back" in change_of(source)


def test_another_file_in_its_place_is_noticed(source: Source, path: Path, tmp_path: Path) -> None:
    (tmp_path / "b.img").write_bytes(b"x" * SIZE_BYTES)
    (tmp_path / "b.img").replace(path)
    assert change_of(source).startswith("was replaced by something else")


def test_a_removed_file_is_noticed(source: Source, path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    assert change_of(source).startswith("was removed or renamed")


def test_a_device_in_place_of_a_file_is_another_source(source: Source) -> None:
    device = replace(source.identity, kind="device")
    assert difference(source.identity, device) == "was replaced by another device"


def test_a_closed_source_raises(path: Path) -> None:
    source = open_source(path)
    source.close()
    for use in (source.check_unchanged, lambda: source.read_window(0, 1), source.extents):
        with pytest.raises(SourceError, match="was closed"):
            use()
