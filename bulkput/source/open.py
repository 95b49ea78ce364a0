"""Opening a source: what may be read as a disk, and how.

Owns the order of the checks and the choice of the reader.
"""

from importlib import import_module
from pathlib import Path
from typing import Literal

from bulkput.model.address import is_address
from bulkput.model.block import GIB_BYTES, VOLUME_SIZE_MAX_GIB
from bulkput.model.disk_format import Compression, Format, FormatChoice, ImageFormat
from bulkput.model.errors import SourceError
from bulkput.source.buffered import BufferedReader
from bulkput.source.format import (
    HEAD_SIZE_BYTES,
    choose_format,
    detect_format,
    is_compression,
    is_image,
)
from bulkput.source.mapped import MappedReader
from bulkput.source.populate import can_populate
from bulkput.source.raw import RawSource, WindowReader
from bulkput.source.remote.access import Access
from bulkput.source.source import Source
from bulkput.source.source_file import OpenedFile, open_file

STANDARD_INPUT_PATH = "-"
ReaderChoice = Literal["auto", "mmap", "preadv"]


def open_source(
    path: Path | str,
    *,
    format: FormatChoice = "auto",  # noqa: A002 - the configuration's word, always given by name
    allow_backing_file: bool = False,
    allow_mounted: bool = False,
    allow_trailing_data: bool = False,
    reader: ReaderChoice = "auto",
    volume_size_gib: int | None = None,
    access: Access | None = None,
) -> Source:
    """Open a raw disk or an image of one for reading. Blocks.

    Args:
        path: Symbolic links are followed; the real path is kept. The text ``-`` is standard input,
            and an address (s3, https) a remote object.
        format: ``raw`` sends the bytes whatever they look like; ``auto`` goes by the content and
            refuses archives; an image format is refused where the content is another.
        allow_backing_file: Read the files that an image builds upon too.
        allow_mounted: Read it although somebody may write to it: a mounted device, a file that is
            open for writing, locked, or shown by a loop device. Otherwise a device stays claimed
            (O_EXCL) until closed, so that nobody can mount it meanwhile.
        allow_trailing_data: Leave out what follows a disk that is compressed.
        reader: Of raw disks. ``auto`` takes memory maps where a fault is an error and no SIGBUS,
            and nobody is expected to write; else preadv: its bytes stay what they were when hashed.
        access: How addresses are reached.
        volume_size_gib: How long a disk is taken to be whose length is not known beforehand.

    Raises:
        ConfigError: it takes ``volume_size_gib``.
        SourceError: it is not there, may not be read, is no disk, is empty, is in use, is too
            long, or has a format that is not read.
    """
    # Each kind of source is imported by whoever has one: raw disks, most of all, need none of them.
    if path == STANDARD_INPUT_PATH:
        from bulkput.source.stream.open import open_standard_input  # noqa: PLC0415 - see above

        return open_standard_input(
            configured=format,
            size_gib=volume_size_gib,
            allow_mounted=allow_mounted,
            allow_trailing_data=allow_trailing_data,
        )
    if isinstance(path, str) and is_address(path):
        from bulkput.source.remote.open import open_remote  # noqa: PLC0415 - see above

        return open_remote(
            path,
            access or Access(),
            configured=format,
            size_gib=volume_size_gib,
            allow_trailing_data=allow_trailing_data,
        )
    file = open_file(path, allow_mounted=allow_mounted)
    try:
        _check_size(file)
        found = _format(file, format)
        if is_image(found):
            return _open_image(file, found, allow_backing_file=allow_backing_file)
        if is_compression(found):
            return _open_stream(file, found, format, volume_size_gib, rest=allow_trailing_data)
        return _open_raw(file, "preadv" if reader == "auto" and allow_mounted else reader)
    except BaseException:
        file.close()
        raise


def import_all_kinds() -> None:
    """Import what any kind of source takes, for whoever opens some of them later."""
    for name in ("image.chain", "image.image", "remote.open", "stream.feed", "stream.open"):
        import_module(f"bulkput.source.{name}")


def _open_image(file: OpenedFile, found: ImageFormat, *, allow_backing_file: bool) -> Source:
    from bulkput.source.image.chain import open_chain  # noqa: PLC0415 - see open_source
    from bulkput.source.image.image import open_image  # noqa: PLC0415 - the same

    return open_image(open_chain(file, found, allow_backing_file=allow_backing_file))


def _open_stream(
    file: OpenedFile,
    found: Compression,
    configured: FormatChoice,
    size_gib: int | None,
    *,
    rest: bool,
) -> Source:
    from bulkput.source.stream.feed import FileFeed  # noqa: PLC0415 - see open_source
    from bulkput.source.stream.open import open_compressed  # noqa: PLC0415 - the same

    return open_compressed(
        file,
        FileFeed(file),
        found,
        configured=configured,
        size_gib=size_gib,
        allow_trailing_data=rest,
    )


def _open_raw(file: OpenedFile, reader: ReaderChoice) -> RawSource:
    return RawSource(file, _choose(reader, BufferedReader(file.fd, file.path, file.size_bytes)))


def _check_size(file: OpenedFile) -> None:
    if file.size_bytes == 0:
        raise SourceError(file.path, "is empty: there is nothing to make a volume of")
    if file.size_bytes > VOLUME_SIZE_MAX_GIB * GIB_BYTES:
        what = f"has {file.size_bytes} bytes, more than the largest volume (64 TiB)"
        raise SourceError(file.path, what)


def _format(file: OpenedFile, configured: FormatChoice) -> Format:
    if configured == "raw":
        return "raw"
    try:
        mark = detect_format(*file.ends(HEAD_SIZE_BYTES))
    except OSError:
        mark = None  # a bad sector in front is the reader's to report, with its place
    try:
        return choose_format(configured, mark)
    except ValueError as error:
        raise SourceError(file.path, str(error)) from error


def _choose(reader: ReaderChoice, buffered: BufferedReader) -> WindowReader:
    if reader == "preadv":
        return buffered
    if can_populate():
        return MappedReader(buffered)
    if reader == "mmap":
        what = "cannot be read by mmap safely: that needs Linux 5.14; use preadv"
        raise SourceError(buffered.path, what)
    return buffered
