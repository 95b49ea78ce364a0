"""Compressed disks, made by the standard library and by the programs themselves."""

import functools
import gzip
import lzma

from backports import zstd


@functools.lru_cache(maxsize=4)
def _xz(disk):
    """Half a second for 2 MiB of noise, and the same few disks in most tests."""
    return lzma.compress(disk, preset=0)


COMPRESS = {
    "gzip": lambda disk: gzip.compress(disk, 1, mtime=0),
    "xz": lambda disk: _xz(bytes(disk)),
    "zstd": lambda disk: zstd.compress(disk, options={zstd.CompressionParameter.checksum_flag: 1}),
}
