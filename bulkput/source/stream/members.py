"""One part of a compressed stream: a gzip member, an xz stream or a zstd frame, and its decoder.

Owns the limits of memory that a header may ask for. Knows nothing of what follows a part.
"""

import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from bulkput.model.disk_format import Compression
from bulkput.model.errors import SourceError
from bulkput.source.stream.feed import Feed

_XZ_MEMORY_MAX_BYTES = 256 << 20
"""``xz -9`` takes 65 MiB to decompress; what a header may ask for is 4 GiB."""

_ZSTD_WINDOW_LOG_MAX = 27
"""128 MiB, the limit of the zstd program itself unless it is given another."""

_ZSTD_HEADER_MAX_BYTES = 18
"""RFC 8878, 3.1.1.1, with the magic number."""


class Member(Protocol):
    """One gzip member, xz stream or zstd frame, as the standard library decompresses it."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached, and its checksum holds."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""
        ...

    def decompress(self, data: memoryview, /, max_length: int) -> bytes:
        """Take in ``data`` and return at most ``max_length`` bytes."""
        ...


class _GzipMember:
    """``zlib`` in the form of its siblings."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: memoryview, /, max_length: int) -> bytes:
        rest = self._inflater.unconsumed_tail
        some = self._inflater.decompress(rest + data if rest else data, max_length)
        # A full answer may leave more in the window, without any input left over.
        self.needs_input = not self._inflater.unconsumed_tail and len(some) < max_length
        return some


class _ZstdMember:
    """The library's decoder, and a check that it leaves out.

    A frame may declare its length. libzstd does not compare where an empty block ends the frame
    (1.5.7, fed in pieces), so that a frame with data missing would end well.
    """

    def __init__(self, library: Any, options: dict[Any, int]) -> None:
        self._library = library
        self._decompressor = library.ZstdDecompressor(options=options)
        self._head = b""
        self._size_bytes = 0

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    @property
    def needs_input(self) -> bool:
        return bool(self._decompressor.needs_input)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decompressor.unused_data)

    def decompress(self, data: memoryview, /, max_length: int) -> bytes:
        if len(self._head) < _ZSTD_HEADER_MAX_BYTES:
            self._head += data[: _ZSTD_HEADER_MAX_BYTES - len(self._head)]
        some: bytes = self._decompressor.decompress(data, max_length=max_length)
        self._size_bytes += len(some)
        if self._decompressor.eof:
            declared = self._library.get_frame_info(self._head).decompressed_size
            if declared is not None and declared != self._size_bytes:
                what = f"a frame of {declared} bytes ended after {self._size_bytes}"
                raise self._library.ZstdError(what)
        return some


Decoder = tuple[Callable[[], Member], type[Exception]]


def _gzip(feed: Feed) -> Decoder:  # noqa: ARG001 - as its siblings
    return _GzipMember, zlib.error


def _xz(feed: Feed) -> Decoder:  # noqa: ARG001 - as its siblings
    def begin() -> Member:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_MAX_BYTES)

    return begin, lzma.LZMAError


def _zstd(feed: Feed) -> Decoder:
    try:  # the standard library's from Python 3.14 on
        from compression import zstd  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    except ImportError:
        try:
            from backports import zstd  # noqa: PLC0415 - an extra
        except ImportError as error:
            what = "needs the package backports.zstd to be read: pip install 'bulkput[zstd]'"
            raise SourceError(feed.path, what) from error
    options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG_MAX}
    return lambda: _ZstdMember(zstd, options), zstd.ZstdError


DECODERS: dict[Compression, Callable[[Feed], Decoder]] = {"gzip": _gzip, "xz": _xz, "zstd": _zstd}
