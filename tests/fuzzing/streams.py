"""Compressed streams made of whole parts, cut parts, padding and noise, read in pieces of any size.

A library that reads all at once is the second opinion: what both take has to be the same bytes, and
what is taken does not depend on where pieces and views end.
"""

import gzip
import lzma

from fuzzing.finding import refused

from bulkput.model.errors import SourceError
from bulkput.source.stream.decoder import Decoded, PeekedStream
from bulkput.source.stream.stream_end import EndChecked

OUTPUT_MAX_BYTES = 4 << 20
_VIEWS = (1 << 19, 4096, 513, 512, 511, 100)
_PIECES = (1 << 18, 1, 2, 5, 6, 7, 64, 512, 4096)


class _Feed:
    path = "stream"

    def __init__(self, content, piece):
        self._content, self._piece, self._at = content, piece, 0

    def read(self):
        some = self._content[self._at : self._at + self._piece]
        self._at += len(some)
        return some


def _zstd():
    try:
        from compression import zstd  # noqa: PLC0415
    except ImportError:
        from backports import zstd  # noqa: PLC0415
    return zstd


_KINDS = ("gzip", "xz", "zstd")
_PACK = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": lambda data: _zstd().compress(data, 1),
}
_UNPACK = {
    "gzip": gzip.decompress,
    "xz": lzma.decompress,
    "zstd": lambda content: _zstd().decompress(content),
}


def stream_of(kind, recipe):
    """Return the stream that a recipe makes: for each part a letter, a length, and its content."""
    stream = b""
    while recipe and len(stream) < OUTPUT_MAX_BYTES // 4:
        what, length, recipe = recipe[0] % 8, (recipe[1:3] or b"\0"), recipe[3:]
        count = int.from_bytes(length, "little")
        data, rest = recipe[: count % 1024], recipe[count % 1024 :]
        if what in {0, 1}:
            stream += _PACK[kind](data)
            recipe = rest
        elif what == 2:  # a run, of up to a block and more
            stream += _PACK[kind](bytes(recipe[:1]) * (count * 16))
        elif what == 3:
            stream += bytes(count)
        elif what == 4:
            stream += data
            recipe = rest
        elif what == 5:
            stream += _PACK[kind](data)[: max(1, count // 64)]
            recipe = rest
        elif what == 6:  # a footer of a fixed VHD, or what begins like one
            stream += _PACK[kind](data + b"conectix" + bytes(504))
            recipe = rest
        else:
            packed = bytearray(_PACK[kind](data))
            packed[count % len(packed)] ^= 0x41
            stream += packed
            recipe = rest
    return stream


def _read(kind, stream, piece, view_bytes, *, looked_at):
    notes = []
    feed = _Feed(stream, piece)
    try:
        decoded = Decoded(feed, kind, notes=notes)
        peeked = PeekedStream(
            EndChecked(decoded, "stream", notes) if looked_at else decoded, 1 << 12
        )
        disk = bytearray()
        while len(disk) < OUTPUT_MAX_BYTES:
            view = memoryview(bytearray(view_bytes))
            filled = peeked.read_into(view)
            disk += view[:filled]
            if filled < view_bytes:
                return bytes(disk), notes
    except SourceError as error:
        return None, [refused(error)]
    return bytes(disk[:OUTPUT_MAX_BYTES]), None


def read_stream(content):
    """Read a stream in two ways and by the library's own; they have to agree."""
    knobs, recipe = content[:5].ljust(5, b"\0"), content[5:]
    kind = _KINDS[knobs[0] % len(_KINDS)]
    stream = recipe if knobs[0] & 0x80 else stream_of(kind, recipe)
    first = _read(kind, stream, 1 << 18, 1 << 19, looked_at=False)
    piece, view = _PIECES[knobs[1] % len(_PIECES)], _VIEWS[knobs[2] % len(_VIEWS)]
    if len(stream) // piece > 1 << 14:
        piece = 4096
    again = _read(kind, stream, piece, view, looked_at=False)
    # libzstd takes an empty block of the kind "compressed" only where it is fed in pieces.
    is_cut = None in (first[1], again[1])  # at the most that is read here, which views may pass
    if not is_cut and (kind != "zstd" or (first[0] is None) == (again[0] is None)):
        assert again[0] == first[0], (again[1], first[1])
        assert first[0] is None or again[1] == first[1], (again[1], first[1])
    looked = _read(kind, stream, piece, 1 << 19, looked_at=True)
    if first[0] is not None and looked[0] is not None:
        assert first[0].startswith(looked[0])
        assert len(first[0]) - len(looked[0]) in {0, 511, 512}
    if first[0] is None or first[1] != []:
        return
    other = _UNPACK[kind](stream)[:OUTPUT_MAX_BYTES] if stream else b""
    # lzma's own stops at padding between streams, which belongs to the format.
    assert first[0].startswith(other) if kind == "xz" else first[0] == other
