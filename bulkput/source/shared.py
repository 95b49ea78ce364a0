"""An open source read by another process too: what it is, as data, and descriptors beside that.

The other process opens no path. What it reads is what this one has opened, looked at and claimed,
whatever the path leads to by now; whether it changed is for this one to see.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from bulkput.model.disk_format import ImageFormat
from bulkput.source.buffered import BufferedReader
from bulkput.source.identity import SourceIdentity
from bulkput.source.mapped import MappedReader
from bulkput.source.raw import RawSource
from bulkput.source.source import Source
from bulkput.source.source_file import OpenedFile
from bulkput.source.zero import LengthenedSource

if TYPE_CHECKING:
    from bulkput.source.image.inspected import Inspected


class SharedFile(NamedTuple):
    """One file of a source, without its descriptor."""

    path: Path
    identity: SourceIdentity
    allow_mounted: bool
    reports_changes: bool
    format: ImageFormat | Literal["raw"]
    inspected: "Inspected | None" = None

    def opened(self, descriptor: int) -> OpenedFile:
        """Return the file behind ``descriptor``, which it takes over."""
        return OpenedFile(
            descriptor,
            self.path,
            self.identity,
            allow_mounted=self.allow_mounted,
            reports_changes=self.reports_changes,
        )


class SharedSource(NamedTuple):
    """A source without its descriptors; can be pickled."""

    files: tuple[SharedFile, ...]
    """The one of a raw disk, or the layers of an image, the uppermost first."""
    is_mapped: bool
    block_count: int

    def open(self, descriptors: Sequence[int]) -> Source:
        """Return the source, to which the descriptors belong from now on. Blocks.

        Args:
            descriptors: One a file, in their order.

        Raises:
            SourceError: QEMU does not open it.
        """
        files = [file.opened(number) for file, number in zip(self.files, descriptors, strict=True)]
        source: Source
        if self.files[0].format == "raw":
            buffered = BufferedReader(files[0].fd, files[0].path, files[0].size_bytes)
            source = RawSource(files[0], MappedReader(buffered) if self.is_mapped else buffered)
        else:
            from bulkput.source.image.chain import Layer  # noqa: PLC0415 - raw disks need none
            from bulkput.source.image.image import open_image  # noqa: PLC0415 - the same

            layers = zip(files, self.files, strict=True)
            source = open_image(
                tuple(Layer(opened, file.format, file.inspected) for opened, file in layers)
            )
        if self.block_count > source.block_count:
            return LengthenedSource(source, self.block_count)
        return source


Shared = tuple[SharedSource, tuple[int, ...]]
"""A source as data, and its descriptors, one a file."""


def share(source: Source) -> Shared | None:
    """Return a source as data, and its descriptors, which stay the source's own.

    Returns:
        None where another process cannot read beside this one: a stream has one position, and a
        remote object is held up by its network, not by a processor.
    """
    inner = source.inner if isinstance(source, LengthenedSource) else source
    if isinstance(inner, RawSource):
        file = inner.file
        only = (_shared(file, "raw", None),)
        is_mapped = isinstance(inner.reader, MappedReader)
        return SharedSource(only, is_mapped, source.block_count), (file.fd,)
    from bulkput.source.image.image import ImageSource  # noqa: PLC0415 - raw disks need none

    if isinstance(inner, ImageSource):
        layers = inner.layers
        shared = tuple(_shared(each.file, each.format, each.inspected) for each in layers)
        descriptors = tuple(each.file.fd for each in layers)
        return SharedSource(shared, is_mapped=False, block_count=source.block_count), descriptors
    return None


def _shared(
    file: OpenedFile, format_: ImageFormat | Literal["raw"], inspected: "Inspected | None"
) -> SharedFile:
    return SharedFile(
        file.path, file.identity, file.allow_mounted, file.reports_changes, format_, inspected
    )
