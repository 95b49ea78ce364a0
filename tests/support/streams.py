"""Compressed disks, made by the standard library and by the programs themselves."""

import gzip
import lzma

from backports import zstd

COMPRESS = {
    "gzip": lambda disk: gzip.compress(disk, 1, mtime=0),
    "xz": lambda disk: lzma.compress(disk, preset=0),
    "zstd": lambda disk: zstd.compress(disk, options={zstd.CompressionParameter.checksum_flag: 1}),
}
