"""Opening a stream: what is in it, and whether it is known how long the volume is to be."""

import os
import sys

from bulkput.model.disk_format import Compression, FormatChoice
from bulkput.model.errors import ConfigError, Problem, SourceError
from bulkput.source.format import (
    HEAD_SIZE_BYTES,
    choose_format,
    detect_format,
    is_compression,
)
from bulkput.source.source_file import check_input_unused
from bulkput.source.stream.decoder import Decoded, PeekedStream, Plain, Stream
from bulkput.source.stream.feed import STANDARD_INPUT, Feed, PeekedFeed, StandardInput
from bulkput.source.stream.stream import Origin, StreamSource
from bulkput.source.stream.stream_end import EndChecked

_STANDARD_INPUT_FD = 0


def open_compressed(
    origin: Origin,
    feed: Feed,
    compression: Compression,
    *,
    configured: FormatChoice,
    size_gib: int | None,
    allow_trailing_data: bool,
) -> StreamSource:
    """Open what is compressed as the disk in it; takes ``origin`` over. Blocks.

    Args:
        origin: What is compressed.
        feed: Its bytes, in order.
        compression: How.
        configured: By the user; only ``auto`` looks at what is inside.
        size_gib: Of the volume: how long the disk is turns out at its end only.
        allow_trailing_data: Leave out what follows the compressed disk.

    Raises:
        ConfigError: the size is not given.
        SourceError: it cannot be read, or holds no raw disk, or nothing.
    """
    wanted_gib = _required(size_gib, f"a disk in {compression}")
    notes: list[str] = []
    decoded = Decoded(feed, compression, notes=notes, allow_trailing_data=allow_trailing_data)
    stream = _looked_at(decoded, feed, compression, configured=configured, notes=notes)
    return StreamSource(stream, origin, format_=compression, size_gib=wanted_gib, notes=notes)


def open_standard_input(
    *,
    configured: FormatChoice,
    size_gib: int | None,
    allow_mounted: bool = False,
    allow_trailing_data: bool = False,
) -> StreamSource:
    """Open what is piped into this process. Blocks until the first bytes are there.

    Args:
        configured: The format that the user gives.
        size_gib: Of the volume.
        allow_mounted: As ``open_source`` has it, where a file or device is its standard input.
        allow_trailing_data: Leave out what follows a disk that is compressed.

    Raises:
        ConfigError: the volume's size is not given.
        SourceInUseError: somebody may write to the file or device.
        SourceError: it is a terminal, closed or empty, or of a format that is not read in order.
    """
    wanted_gib = _required(size_gib, STANDARD_INPUT)
    if sys.__stdin__ is None:  # another file of this process may have its number by now
        raise SourceError(STANDARD_INPUT, "is closed: pipe a disk into it")
    try:
        is_terminal = os.isatty(_STANDARD_INPUT_FD)
    except OSError:
        is_terminal = False
    if is_terminal:
        raise SourceError(STANDARD_INPUT, "is a terminal: pipe a disk into it")
    if not allow_mounted:
        check_input_unused(_STANDARD_INPUT_FD)
    origin = StandardInput(_STANDARD_INPUT_FD)
    feed = PeekedFeed(origin, HEAD_SIZE_BYTES)
    if not feed.head:
        raise _empty(feed)
    mark = None if configured == "raw" else detect_format(feed.head, b"")
    try:
        found = choose_format(configured, mark)
    except ValueError as error:
        raise SourceError(STANDARD_INPUT, str(error)) from error
    if is_compression(found):
        return open_compressed(
            origin,
            feed,
            found,
            configured=configured,
            size_gib=wanted_gib,
            allow_trailing_data=allow_trailing_data,
        )
    if found != "raw":
        what = f"is a {found} image, which is not read in order; write it to a file first"
        raise SourceError(STANDARD_INPUT, what)
    notes: list[str] = []
    stream = _looked_at(Plain(feed), feed, None, configured=configured, notes=notes)
    return StreamSource(stream, origin, format_=None, size_gib=wanted_gib, notes=notes)


def _looked_at(
    stream: Stream,
    feed: Feed,
    compression: Compression | None,
    *,
    configured: FormatChoice,
    notes: list[str],
) -> PeekedStream:
    """Return the stream of a disk, whose beginning was looked at and whose end will be.

    What the user names a format of is not looked into: it is the disk itself.

    Raises:
        SourceError: it is empty, or begins like something else.
    """
    if configured == "auto":
        stream = EndChecked(stream, feed.path, notes)
    peeked = PeekedStream(stream, HEAD_SIZE_BYTES)
    if not peeked.head:
        raise _empty(feed)
    looks = compression is not None and configured == "auto"
    mark = detect_format(peeked.head, b"") if looks else None
    if mark is not None:
        raise SourceError(
            feed.path,
            f"is {compression} of what begins like {mark.name}, not like a raw disk; decompress "
            f"it first, or set format: {compression} if it is the disk itself",
        )
    return peeked


def _empty(feed: Feed) -> SourceError:
    return SourceError(feed.path, "is empty: there is nothing to make a volume of")


def _required(size_gib: int | None, what: str) -> int:
    if size_gib is None:
        expected = f"expected the volume's size (--volume-size-gib): the length of {what} is not "
        raise ConfigError((Problem("snapshot.volume_size_gib", expected + "known beforehand"),))
    return size_gib
