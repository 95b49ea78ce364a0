"""From a compressed stream to the bytes in it, in bounded memory, to a sound end or an error.

Owns what a sound end is: every member complete with its checksum, and nothing behind the last but
padding, or what is configured as no part of the disk.
"""

from typing import Protocol

from bulkput.model.disk_format import Compression
from bulkput.model.errors import SourceError
from bulkput.source.stream.ahead import Ahead
from bulkput.source.stream.feed import Feed
from bulkput.source.stream.members import DECODERS, Member

_XZ_PADDING_UNIT_BYTES = 4
"""Between and behind streams zeros are legal, by fours (the .xz file format, 2.2)."""

_PADDING_OF_PARTS_MAX_BYTES = 16 << 20
"""A disk in one part ended with it, whatever follows. Zeros behind several may stand for further
ones: a download that did not come to its end leaves them. Tapes and disks pad by at most this."""

_MEMBER_MAGICS: dict[Compression, tuple[bytes, ...]] = {
    "gzip": (b"\x1f\x8b",),
    "xz": (b"\xfd7zXZ\0",),
    "zstd": (
        b"\x28\xb5\x2f\xfd",
        *(bytes([nibble]) + b"\x2a\x4d\x18" for nibble in range(0x50, 0x60)),
    ),
}
"""How each part begins (RFC 1952, 2.3.1; the .xz file format, 2.1.1.1; RFC 8878, 3.1)."""
_MAGIC_MAX_BYTES = 6
_SHOWN_BYTES = 8


class Stream(Protocol):
    """The bytes of a disk, in order; one thread at a time."""

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` and return how much of it; less only at the end.

        Raises:
            SourceError: it cannot be read, or is damaged.
        """
        ...


class Plain:
    """The bytes of a feed as they are."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._rest = memoryview(b"")

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            self._rest = self._rest or memoryview(self._feed.read())
            if not self._rest:
                break
            taken = self._rest[: len(view) - filled]
            view[filled : filled + len(taken)] = taken
            filled += len(taken)
            self._rest = self._rest[len(taken) :]
        return filled


class PeekedStream:
    """A stream whose beginning has been looked at, and is given again."""

    def __init__(self, stream: Stream, length_bytes: int) -> None:
        head = bytearray(length_bytes)
        filled = stream.read_into(memoryview(head))
        self.head = bytes(head[:filled])
        self._rest = memoryview(self.head)
        self._stream = stream

    def read_into(self, view: memoryview) -> int:
        taken = self._rest[: len(view)]
        view[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken) + self._stream.read_into(view[len(taken) :])


class Decoded:
    """The bytes in the members of a compressed feed, one after the other."""

    def __init__(
        self,
        feed: Feed,
        compression: Compression,
        *,
        notes: list[str],
        allow_trailing_data: bool = False,
    ) -> None:
        """Prepare to decompress; nothing is read yet.

        Args:
            feed: The compressed bytes.
            compression: How they are compressed.
            notes: Gets what the user should know of the end.
            allow_trailing_data: Leave out what follows a sound end and is no further part.
        """
        self._feed = feed
        self._compression = compression
        self._notes = notes
        self._allow_trailing_data = allow_trailing_data
        self._begin, self._errors = DECODERS[compression](feed)
        self._member: Member | None = None
        self._ahead = Ahead(feed)
        self._members = 0

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view) and (some := self._some(len(view) - filled)):
            view[filled : filled + len(some)] = some
            filled += len(some)
        return filled

    def _some(self, length_max_bytes: int) -> bytes:
        """Return some bytes; none at the sound end."""
        some = b""
        while not some and (self._member is not None or self._begin_member()):
            member = self._member
            assert member is not None  # noqa: S101 - begun
            data = memoryview(b"")
            if member.needs_input:
                data = self._ahead.take()
                if not data:
                    raise self._damaged("it ends in the middle")
            try:
                some = member.decompress(data, max_length=length_max_bytes)
            except self._errors as error:
                raise self._damaged(str(error)) from error
            if member.eof:
                self._ahead.give_back(len(member.unused_data))
                self._member = None
                self._members += 1
        return some

    def _begin_member(self) -> bool:
        """Get ready for the next member; False where the stream ends well."""
        padding_bytes = self._ahead.skip_zeros() if self._members else 0
        magic = self._ahead.peek(_MAGIC_MAX_BYTES)
        if not magic:
            self._take_padding(padding_bytes)
            return False
        if self._members and not self._is_member(magic, padding_bytes):
            self._take_trailing_data(padding_bytes)
            return False
        self._ahead.begin()
        self._member = self._begin()
        return True

    def _is_member(self, begins: bytes, padding_bytes: int) -> bool:
        """Return whether a further part follows, perhaps cut within its first bytes.

        Raises:
            SourceError: it does where none may.
        """
        if not any(
            begins.startswith(magic) or magic.startswith(begins)
            for magic in _MEMBER_MAGICS[self._compression]
        ):
            return False
        by_fours = self._compression == "xz" and not padding_bytes % _XZ_PADDING_UNIT_BYTES
        if padding_bytes and not by_fours:
            raise SourceError(
                self._feed.path,
                f"has {padding_bytes:,} zero bytes between two parts of {self._compression}, and "
                "programs do not agree whether the second belongs to the disk; decompress it first",
            )
        return True

    def _take_padding(self, padding_bytes: int) -> None:
        """Note zeros behind the end, which gzip takes without a word.

        Raises:
            SourceError: they may stand for parts that are missing.
        """
        if not padding_bytes:
            return
        is_doubtful = self._members > 1 and padding_bytes > _PADDING_OF_PARTS_MAX_BYTES
        if is_doubtful and not self._allow_trailing_data:
            raise SourceError(
                self._feed.path,
                f"has {self._members:,} whole parts of {self._compression} and {padding_bytes:,} "
                "zero bytes after them, like a copy that was not finished; set "
                "allow_trailing_data (--allow-trailing-data) if that is all of the disk",
            )
        self._notes.append(
            f"{padding_bytes:,} zero bytes follow the {self._compression} stream, which ended "
            "well: taken for padding"
        )

    def _take_trailing_data(self, padding_bytes: int) -> None:
        """Leave out what is no further part, if that is allowed.

        Raises:
            SourceError: it is not.
        """
        begins = self._ahead.peek(_SHOWN_BYTES).hex(" ")
        if not self._allow_trailing_data:
            raise SourceError(
                self._feed.path,
                f"holds a whole disk in {self._compression}, which ended well, and something else "
                f"behind it, which begins with {begins}; set allow_trailing_data "
                "(--allow-trailing-data) if that is not part of the disk",
            )
        other_bytes = padding_bytes + self._ahead.drain()
        self._notes.append(
            f"{other_bytes:,} bytes that are no {self._compression} follow the stream, which ended "
            "well: left out, because allow_trailing_data is set"
        )

    def _damaged(self, how: str) -> SourceError:
        whole = f" behind {self._members} whole parts" if self._members else ""
        return SourceError(
            self._feed.path,
            f"is damaged or cut short ({self._compression}{whole}: {how}); copy it again",
        )
