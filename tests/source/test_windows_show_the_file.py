"""Both readers give the file's bytes, whatever its layout, and keep their word about lifetimes."""

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.errors import SourceError
from bulkput.source import mapped
from bulkput.source.buffered import BlockPool, BufferedWindow
from bulkput.source.mapped import MappedWindow
from bulkput.source.open import ReaderChoice, open_source
from bulkput.source.populate import can_populate

READERS: tuple[ReaderChoice, ...] = ("mmap", "preadv") if can_populate() else ("preadv",)

offsets = st.integers(0, 9 * BLOCK_SIZE_BYTES)
pieces = st.dictionaries(
    offsets | offsets.map(lambda offset: offset // BLOCK_SIZE_BYTES * BLOCK_SIZE_BYTES),
    st.integers(1, 2 * BLOCK_SIZE_BYTES),
    max_size=5,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size_bytes=st.integers(1, 10 * BLOCK_SIZE_BYTES),
    pieces=pieces,
    window_blocks=st.integers(1, 12),
)
def test_every_block_is_the_files_and_every_data_byte_is_in_an_extent(
    tmp_path: Path, size_bytes: int, pieces: dict[int, int], window_blocks: int
) -> None:
    path = tmp_path / "random.img"
    with path.open("wb") as file:
        file.truncate(size_bytes)
        for offset_bytes, length_bytes in pieces.items():
            os.pwrite(file.fileno(), os.urandom(length_bytes), offset_bytes)
        file.truncate(size_bytes)
    content = path.read_bytes()
    padded = content + bytes(-len(content) % BLOCK_SIZE_BYTES)
    for reader in READERS:
        source = open_source(path, format="raw", reader=reader)
        extents = list(source.extents())
        shown = bytearray()
        for start in range(0, source.block_count, window_blocks):
            count = min(window_blocks, source.block_count - start)
            window = source.read_window(start, count)
            assert (window.start, window.block_count) == (start, count)
            for index in range(start, start + count):
                block = window.block(index)
                assert block.readonly
                assert len(block) == BLOCK_SIZE_BYTES
                shown += block
                window.release(index)
            window.close()
        assert shown == padded

        assert extents == sorted(extents)
        for one, two in pairwise(extents):
            assert one.stop < two.start
        covered = {index for extent in extents for index in range(extent.start, extent.stop)}
        with_data = {
            index
            for index in range(source.block_count)
            if any(padded[index * BLOCK_SIZE_BYTES : (index + 1) * BLOCK_SIZE_BYTES])
        }
        assert with_data <= covered <= set(range(source.block_count))
        for start in (1, source.block_count // 2, source.block_count):
            rest = {i for e in source.extents(start) for i in range(e.start, e.stop)}
            assert rest == {index for index in covered if index >= start}
        source.check_unchanged()
        source.close()


@pytest.mark.parametrize("reader", READERS)
def test_views_stay_readable_after_window_and_source_are_closed(tmp_path: Path, reader) -> None:
    path = tmp_path / "a.img"
    content = os.urandom(3 * BLOCK_SIZE_BYTES + 7)
    path.write_bytes(content)
    source = open_source(path, reader=reader)
    window = source.read_window(0, 4)
    views = [window.block(index) for index in range(4)]
    window.close()
    window.close()
    source.close()
    assert b"".join(views)[: len(content)] == content


@pytest.mark.parametrize("reader", READERS)
def test_release_may_be_repeated_and_come_after_close(tmp_path: Path, reader) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(os.urandom(2 * BLOCK_SIZE_BYTES + 7))
    source = open_source(path, reader=reader)
    window = source.read_window(0, 3)
    for index in (1, 1, 2, 2):
        window.release(index)
    kept = bytes(window.block(0))
    assert kept == path.read_bytes()[:BLOCK_SIZE_BYTES]
    window.close()
    for index in range(3):
        window.release(index)
    with pytest.raises(IndexError):
        window.block(0)
    source.close()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("start", "count"), [(0, 4), (3, 1), (-1, 1), (0, 0)])
def test_blocks_outside_the_source_are_refused(tmp_path: Path, reader, start, count) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(os.urandom(2 * BLOCK_SIZE_BYTES + 7))
    source = open_source(path, reader=reader)
    with pytest.raises(IndexError):
        source.read_window(start, count)
    window = source.read_window(1, 1)
    for index in (0, 2):
        with pytest.raises(IndexError):
            window.block(index)
    source.close()


def test_a_released_buffer_is_used_again_and_an_unreleased_one_is_not() -> None:
    pool = BlockPool(free_blocks_max=2)
    buffers = [pool.take() for _ in range(2)]
    window = BufferedWindow(5, buffers, pool)
    view = window.block(6)
    window.release(5)
    window.close()
    assert pool.take() is buffers[0]
    assert pool.take() is not buffers[1]
    assert len(view) == BLOCK_SIZE_BYTES


def test_the_pool_keeps_no_more_than_its_bound() -> None:
    pool = BlockPool(free_blocks_max=2)
    buffers = [pool.take() for _ in range(3)]
    for buffer in buffers:
        pool.give(buffer)
    assert [pool.take() for _ in range(2)] == [buffers[2], buffers[1]]
    assert all(pool.take() is not buffer for buffer in buffers)


def test_padding_is_zero_even_in_a_used_buffer(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"\xff" * (BLOCK_SIZE_BYTES + 3))
    source = open_source(path, reader="preadv")
    for _ in range(2):
        for index in (0, 1):
            window = source.read_window(index, 1)
            block = bytes(window.block(index))
            window.release(index)
    assert block == b"\xff\xff\xff" + bytes(BLOCK_SIZE_BYTES - 3)
    source.close()


def test_a_file_that_cannot_be_mapped_is_read(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(19, "No such device")

    path = tmp_path / "a.img"
    path.write_bytes(b"\x01" * BLOCK_SIZE_BYTES)
    monkeypatch.setattr(mapped.mmap, "mmap", refuse)
    monkeypatch.setattr("bulkput.source.buffered.BlockPool.take", lambda _: bytearray(1 << 19))
    monkeypatch.setattr("bulkput.source.open.can_populate", lambda: True)
    source = open_source(path, reader="mmap")
    assert bytes(source.read_window(0, 1).block(0)) == path.read_bytes()
    source.close()


def test_auto_maps_where_faults_can_be_errors_and_reads_elsewhere(
    tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"\x01" * BLOCK_SIZE_BYTES)
    monkeypatch.setattr("bulkput.source.open.can_populate", lambda: False)
    source = open_source(path)
    assert isinstance(source.read_window(0, 1), BufferedWindow)
    source.close()
    with pytest.raises(SourceError, match=r"Linux 5\.14; use preadv"):
        open_source(path, reader="mmap")
    if can_populate():
        monkeypatch.undo()
        source = open_source(path)
        assert isinstance(source.read_window(0, 1), MappedWindow)
        source.close()


def test_a_source_of_one_byte_is_one_padded_block(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"x")
    for reader in READERS:
        source = open_source(path, reader=reader)
        assert (source.size_bytes, source.block_count) == (1, 1)
        assert list(source.extents()) == [Extent(0, 1)]
        assert bytes(source.read_window(0, 1).block(0)) == b"x" + bytes(BLOCK_SIZE_BYTES - 1)
        source.close()


def resident_file_pages_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssFile:")[2].split()[0]) * 1024


@pytest.mark.skipif("mmap" not in READERS, reason="this kernel has no MADV_POPULATE_READ")
def test_a_mapped_window_is_resident_when_given_and_gone_block_by_block(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"x" * (64 * BLOCK_SIZE_BYTES))
    source = open_source(path, reader="mmap")
    before_bytes = resident_file_pages_bytes()
    window = source.read_window(0, 64)
    slack_bytes = 4 * BLOCK_SIZE_BYTES  # the kernel counts in batches of pages for each CPU
    assert resident_file_pages_bytes() - before_bytes > 60 * BLOCK_SIZE_BYTES
    for index in range(32):
        window.release(index)
    half_bytes = resident_file_pages_bytes() - before_bytes
    assert abs(half_bytes - 32 * BLOCK_SIZE_BYTES) < slack_bytes
    window.close()
    assert resident_file_pages_bytes() - before_bytes < slack_bytes
    source.close()
