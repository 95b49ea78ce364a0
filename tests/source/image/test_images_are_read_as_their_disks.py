"""Every format gives the bytes that it was made of, and its holes are not read."""

import os
import struct
import threading

import pytest
from support.images import BLOCK, BLOCKS, DATA, MADE, content, qemu_img

from bulkput.model.block import Extent
from bulkput.model.errors import SourceError
from bulkput.source.image.nbd import NbdClient
from bulkput.source.open import open_source

REPORTS_HOLES = sorted(set(MADE) - {"vhdx"})


@pytest.mark.parametrize("name", MADE)
def test_an_image_gives_the_bytes_that_it_was_made_of(made, sample, opened, name):
    source = opened(made(name))
    assert source.format == MADE[name][0]
    assert source.size_bytes == BLOCKS * BLOCK
    assert content(source) == sample.read_bytes()
    source.check_unchanged()


@pytest.mark.parametrize("name", ["qcow2", "vhd-fixed"])
def test_the_format_may_be_configured(made, opened, name):
    assert opened(made(name), format=MADE[name][0]).format == MADE[name][0]


@pytest.mark.parametrize("name", REPORTS_HOLES)
def test_holes_are_no_extents(made, opened, name):
    source = opened(made(name))
    listed = {index for start, stop in source.extents() for index in range(start, stop)}
    assert {*DATA, 15} <= listed
    assert len(listed) < BLOCKS
    later = [index for start, stop in source.extents(9) for index in range(start, stop)]
    assert later == sorted(index for index in listed if index >= 9)


def test_extents_of_small_clusters_are_exact(made, opened):
    expected = [Extent(0, 2), Extent(5, 6), Extent(9, 10), Extent(15, 16)]
    assert list(opened(made("qcow2")).extents()) == expected


def test_no_byte_is_read_before_a_window_is_and_then_only_the_windows(made, opened, monkeypatch):
    asked = []
    read = NbdClient.read

    def counted(self, requests):
        asked.extend((offset_bytes, len(view)) for offset_bytes, view in requests)
        return read(self, requests)

    monkeypatch.setattr(NbdClient, "read", counted)
    source = opened(made("qcow2"))
    list(source.extents())
    assert asked == []
    source.read_window(5, 1)
    assert asked == [(5 * BLOCK, BLOCK)]


def test_the_last_block_of_an_odd_disk_is_padded_with_zeros(tmp_path, opened):
    (tmp_path / "odd.raw").write_bytes(b"x" * (BLOCK + 1536))
    qemu_img("convert", "-O", "qcow2", tmp_path / "odd.raw", tmp_path / "odd.qcow2")
    source = opened(tmp_path / "odd.qcow2")
    assert (source.size_bytes, source.block_count) == (BLOCK + 1536, 2)
    window = source.read_window(0, 2)
    assert bytes(window.block(1)) == b"x" * 1536 + bytes(BLOCK - 1536)


def test_many_threads_read_the_same_image(made, sample, opened):
    source, disk = opened(made("qcow2-compressed")), sample.read_bytes()
    wrong = []

    def read(index):
        for _ in range(5):
            window = source.read_window(index, 2)
            if window.block(index) != disk[index * BLOCK : (index + 1) * BLOCK]:
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(index,)) for index in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_blocks_beyond_the_disk_are_refused(made, opened):
    with pytest.raises(IndexError):
        opened(made("qcow2")).read_window(BLOCKS, 1)


def test_an_image_that_is_written_to_is_noticed(made, tmp_path, opened):
    path = tmp_path / "copy.qcow2"
    path.write_bytes(made("qcow2").read_bytes())
    source = opened(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="was modified"):
        source.check_unchanged()


def test_an_image_and_the_same_file_as_raw_are_different_sources(made, opened):
    path = made("qcow2")
    as_image, as_raw = opened(path), opened(path, format="raw")
    assert as_image.identity.as_dict() != as_raw.identity.as_dict()
    assert as_image.identity.as_dict() == opened(path).identity.as_dict()
    assert as_image.reports_changes


@pytest.fixture
def bad(made, tmp_path):
    """An image of which one cluster, the fourth of block 5, lies where no cluster can lie."""
    image = bytearray(made("qcow2").read_bytes())
    (l1_at,) = struct.unpack_from(">Q", image, 40)
    l2_at = struct.unpack_from(">Q", image, l1_at)[0] & ~(1 << 63)
    image[l2_at + 8 * (5 * 8 + 3) + 6] |= 2
    path = tmp_path / "bad.qcow2"
    path.write_bytes(image)
    return path


def test_a_bad_cluster_is_named_with_its_block_and_bytes(bad, opened):
    source = opened(bad)
    with pytest.raises(SourceError) as caught:
        source.read_window(4, 4)
    assert caught.value.block_index == 5
    assert caught.value.offset_bytes == 5 * BLOCK + 3 * 65536
    assert caught.value.length_bytes == 4096
    assert "EIO" in str(caught.value)
    assert source.read_window(0, 1).block(0)


def test_a_damaged_compressed_cluster_is_named_like_any_other(tmp_path, opened):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"".join(b"%015d\n" % (number * 7919) for number in range(4 * BLOCK // 16)))
    path = tmp_path / "bad.qcow2"
    qemu_img("convert", "-f", "raw", "-c", "-O", "qcow2", disk, path)
    image = bytearray(path.read_bytes())
    (l1_at,) = struct.unpack_from(">Q", image, 40)
    l2_at = struct.unpack_from(">Q", image, l1_at)[0] & ~(1 << 63)
    (entry,) = struct.unpack_from(">Q", image, l2_at + 8 * (2 * 8 + 1))
    at = entry & ((1 << 54) - 1)
    image[at : at + 600] = b"\xff" * 600
    path.write_bytes(image)
    source = opened(path)
    with pytest.raises(SourceError, match="damaged") as caught:
        source.read_window(0, 4)
    assert caught.value.block_index == 2
    assert caught.value.offset_bytes == 2 * BLOCK + 65536
    window = source.read_window(3, 1)
    assert window.block(3) == disk.read_bytes()[3 * BLOCK :]


def test_a_table_that_cannot_be_read_is_an_error_and_no_hole(bad, opened):
    with pytest.raises(SourceError, match="EIO"):
        list(opened(bad).extents())


def test_a_server_that_dies_is_an_error_and_no_wait(made, opened):
    source = opened(made("qcow2"))
    source._server._process.kill()
    for _ in range(6):
        with pytest.raises(SourceError, match="qemu-nbd failed"):
            source.read_window(0, 4)
    with pytest.raises(SourceError, match="qemu-nbd failed"):
        list(source.extents())


def test_the_thread_that_opened_an_image_may_end_before_it_is_read(made, sample):
    opened = []
    thread = threading.Thread(target=lambda: opened.append(open_source(made("qcow2"))))
    thread.start()
    thread.join()
    (source,) = opened
    try:
        assert source._server._process.poll() is None
        assert content(source) == sample.read_bytes()
    finally:
        source.close()
    assert source._server._process.returncode is not None


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (OSError(8, "Exec format error"), SourceError, "does not start"),
        (RuntimeError("no thread"), RuntimeError, "no thread"),
    ],
)
def test_a_process_that_does_not_start_is_an_error_and_no_wait(
    made, monkeypatch, error, raised, words
):
    def start(*_, **__):
        raise error

    path = made("qcow2")
    monkeypatch.setattr("bulkput.source.image.qemu_nbd.subprocess.Popen", start)
    with pytest.raises(raised, match=words):
        open_source(path)
