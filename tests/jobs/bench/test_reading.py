"""How fast a source is read: data only, past the cache and through it, with any kind of source."""

import gzip
import os

import pytest

from bulkput.jobs.bench import reading
from bulkput.jobs.bench.reading import read_speed
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.open import open_source


def opened(path, **more):
    return open_source(path, format=more.pop("format", "raw"), **more)


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(os.urandom(20 * BLOCK_SIZE_BYTES))
    return path


def test_both_ways_of_a_file(disk):
    found = read_speed(opened(disk), 2, 0.0)
    assert found.direct_bytes_per_s > 0
    assert found.cached_bytes_per_s > 0


def test_holes_are_not_what_is_measured(disk):
    source = opened(disk)
    places = reading._places(source, source.size_bytes)
    assert all(place + reading._DIRECT_BYTES >= (1 << 39) for place in places)
    assert len(places) <= 8


def test_an_empty_disk_can_be_measured(tmp_path):
    path = tmp_path / "empty.img"
    path.write_bytes(b"")
    os.truncate(path, 1 << 30)
    assert read_speed(opened(path), 2, 0.0).cached_bytes_per_s > 0


def test_a_file_system_without_a_way_past_the_cache(disk, monkeypatch):
    real = os.open

    def refuse(path, flags, *more, **names):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, *more, **names)

    source = opened(disk)
    monkeypatch.setattr(os, "open", refuse)
    assert read_speed(source, 1, 0.0).direct_bytes_per_s > 0


def test_a_compressed_disk_is_read_in_order(tmp_path):
    path = tmp_path / "disk.img.gz"
    path.write_bytes(gzip.compress(bytes(100 * BLOCK_SIZE_BYTES), 1))
    source = opened(path, format="auto", volume_size_gib=1)
    assert source.is_sequential
    assert read_speed(source, 4, 0.0).cached_bytes_per_s > 0
