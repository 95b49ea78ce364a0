"""A source read by another process: the same bytes, through descriptors and no path."""

import gzip
import os
import pickle
import random

import pytest
from support.images import qemu_img

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.mapped import MappedReader
from bulkput.source.open import open_source
from bulkput.source.shared import share
from bulkput.source.zero import LengthenedSource


def disk(path, blocks=6, tail=1000):
    path.write_bytes(random.Random(1).randbytes(blocks * BLOCK_SIZE_BYTES + tail))
    return path


def opened_again(source):
    """Return what another process would open, and see that the path is not needed for it."""
    shared, descriptors = share(source)
    return pickle.loads(pickle.dumps(shared)).open([os.dup(each) for each in descriptors])


def content(source):
    window = source.read_window(0, source.block_count)
    return [bytes(window.block(index)) for index in range(source.block_count)]


@pytest.mark.parametrize("reader", ["mmap", "preadv"])
def test_a_raw_disk_is_the_file_that_was_opened_whatever_has_its_name_by_now(tmp_path, reader):
    path = disk(tmp_path / "disk.img")
    source = open_source(path, reader=reader)
    expected = content(source)
    path.rename(tmp_path / "elsewhere")
    disk(path, blocks=1)
    other = opened_again(source)
    source.close()
    assert content(other) == expected
    assert isinstance(other.reader, MappedReader) == (reader == "mmap")
    assert (other.identity, other.block_count) == (source.identity, 7)
    assert list(other.extents()) == [(0, 7)]
    other.close()


def test_a_disk_that_became_smaller_than_its_parent_keeps_its_zeros(tmp_path):
    with_zeros = LengthenedSource(open_source(disk(tmp_path / "disk.img")), 9)
    other = opened_again(with_zeros)
    assert other.block_count == 9
    assert content(other) == content(with_zeros)
    assert content(other)[8] == bytes(BLOCK_SIZE_BYTES)
    other.close()
    with_zeros.close()


def test_an_image_has_a_reader_of_its_own_in_each_process(tmp_path):
    raw = disk(tmp_path / "disk.img", tail=512)
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, base)
    qemu_img("create", "-f", "qcow2", "-b", base.name, "-F", "qcow2", top)
    source = open_source(top, allow_backing_file=True)
    other = opened_again(source)
    assert other.identity.as_dict() == source.identity.as_dict()
    expected = content(source)
    source.close()
    assert content(other) == expected
    other.close()


def test_a_stream_is_read_by_one(tmp_path):
    path = tmp_path / "disk.img.gz"
    path.write_bytes(gzip.compress(disk(tmp_path / "disk.img").read_bytes(), 1))
    source = open_source(path, volume_size_gib=1)
    assert share(source) is None
    source.close()
