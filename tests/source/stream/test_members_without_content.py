"""However short a compressed disk's parts are, each byte of it is copied a few times at most."""

import gzip
import lzma

import pytest

from bulkput.model.errors import SourceError
from bulkput.source.stream import decoder
from bulkput.source.stream.feed import PIECE_SIZE_BYTES

zstd = pytest.importorskip("backports.zstd")

EMPTY = {
    "gzip": gzip.compress(b""),
    "xz": lzma.compress(b""),
    "zstd": zstd.compress(b""),
    "zstd, skippable": b"\x50\x2a\x4d\x18\0\0\0\0",
}


class Pieces:
    path = "disk"

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    def read(self):
        return self._pieces.pop(0) if self._pieces else b""


class Counted:
    """A member that adds up what it is given."""

    given_bytes = 0

    def __init__(self, member):
        self._member = member

    def __getattr__(self, name):
        return getattr(self._member, name)

    def decompress(self, data, max_length):
        Counted.given_bytes += len(data)
        return self._member.decompress(data, max_length=max_length)


@pytest.mark.parametrize("kind", EMPTY)
def test_members_without_content_are_copied_in_proportion_to_their_length(kind, monkeypatch):
    compression = kind.partition(",")[0]
    begin, errors = decoder.DECODERS[compression](Pieces())
    monkeypatch.setattr(Counted, "given_bytes", 0)
    monkeypatch.setitem(decoder.DECODERS, compression, lambda _: (lambda: Counted(begin()), errors))
    members = 4000
    content = EMPTY[kind] * members
    feed = Pieces(content[:PIECE_SIZE_BYTES], content[PIECE_SIZE_BYTES:])
    decoded = decoder.Decoded(feed, compression, notes=[])
    assert decoded.read_into(memoryview(bytearray(10))) == 0
    assert Counted.given_bytes <= 1024 * members


@pytest.mark.parametrize("piece", [1, 2, 7, 1023, 1025, 4096])
@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_members_come_whole_wherever_pieces_and_steps_end(kind, piece):
    compress = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstd.compress}[kind]
    disk = [bytes(range(256)) * count for count in (0, 1, 9, 0, 40)]
    content = b"".join(map(compress, disk))
    feed = Pieces(*(content[at : at + piece] for at in range(0, len(content), piece)))
    notes = []
    decoded = decoder.Decoded(feed, kind, notes=notes, allow_trailing_data=True)
    found = bytearray(100_000)
    length = decoded.read_into(memoryview(found))
    assert found[:length] == b"".join(disk)
    assert notes == []


@pytest.mark.parametrize("behind", [b"\0" * 9000, b"\0\0\0\0rest", b"rest" * 2000])
def test_what_follows_is_counted_to_its_end(behind):
    notes = []
    feed = Pieces(gzip.compress(b"disk") + behind[:5], behind[5:])
    decoded = decoder.Decoded(feed, "gzip", notes=notes, allow_trailing_data=True)
    assert decoded.read_into(memoryview(bytearray(100))) == 4
    assert f"{len(behind):,} " in notes[0]
    feed = Pieces(gzip.compress(b"disk") + behind)
    decoded = decoder.Decoded(feed, "gzip", notes=[])
    if behind.strip(b"\0"):
        with pytest.raises(SourceError, match="something else"):
            decoded.read_into(memoryview(bytearray(100)))
