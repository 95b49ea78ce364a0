"""An image as a source: the disk in it, read through QEMU block by block, its holes never.

Owns the connections' turns and the search for the first bad sector.
"""

import errno
import os
import queue
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent, block_count
from bulkput.model.disk_format import ImageFormat
from bulkput.model.errors import SourceError
from bulkput.source.blocks import check_blocks, merged_extents
from bulkput.source.buffered import BlockPool, BufferedWindow
from bulkput.source.format import HEAD_SIZE_BYTES
from bulkput.source.image.chain import Layer, close_chain, node_of
from bulkput.source.image.formats import DRIVERS
from bulkput.source.image.nbd import NbdBroken, NbdClient, NbdError
from bulkput.source.image.nbd_wire import Allocation
from bulkput.source.image.qemu_nbd import ImageServer
from bulkput.source.source import SourceKind

_STATUS_LENGTH_BYTES = 1 << 30
"""Of one question where data is; QEMU may answer for less."""

_SECTOR_SIZE_BYTES = 4096
"""No error is located more narrowly."""


@dataclass(frozen=True)
class ImageIdentity:
    """What distinguishes an image from any other, and how it is read."""

    layers: tuple[Layer, ...]
    size_bytes: int
    """Of the disk in it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        top, *below = self.layers
        facts = top.file.identity.as_dict() | {"format": top.format, "disk_bytes": self.size_bytes}
        for depth, layer in enumerate(below, 1):
            identity = layer.file.identity.as_dict()
            facts[f"backing_{depth}"] = " ".join((layer.format, *map(str, identity.values())))
        return facts


class ImageSource:
    """The disk in an image; made by ``open_source``."""

    is_sequential = False

    def __init__(self, layers: tuple[Layer, ...], server: ImageServer) -> None:
        self.size_bytes = server.clients[0].size_bytes
        self.block_count = block_count(self.size_bytes)
        self.identity = ImageIdentity(layers, self.size_bytes)
        self.layers = layers
        self._server = server
        self._pool = BlockPool()
        self._free: queue.SimpleQueue[NbdClient | None] = queue.SimpleQueue()
        for client in server.clients:
            self._free.put(client)

    @property
    def path(self) -> Path:
        return self.layers[0].file.path

    @property
    def kind(self) -> SourceKind:
        return self.layers[0].file.kind

    @property
    def format(self) -> str:
        return self.layers[0].format

    @property
    def reports_changes(self) -> bool:
        return all(layer.file.reports_changes for layer in self.layers)

    @property
    def sector_bytes(self) -> None:
        """Not known: QEMU shows sectors of 512 bytes, or refuses the image."""

    @property
    def known_size_bytes(self) -> int:
        """Length of the disk."""
        return self.size_bytes

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first and last bytes of the disk, for a look at the content."""
        with closing(self.read_window(0, 1)) as window:
            head = bytes(window.block(0)[: min(HEAD_SIZE_BYTES, self.size_bytes)])
        last = self.block_count - 1
        with closing(self.read_window(last, 1)) as window:
            length_bytes = self.size_bytes - last * BLOCK_SIZE_BYTES
            foot = bytes(window.block(last)[:length_bytes][-HEAD_SIZE_BYTES:])
        return head, foot

    def extents(self, start: int = 0) -> Iterator[Extent]:
        return merged_extents(self._data(start * BLOCK_SIZE_BYTES))

    def _data(self, offset_bytes: int) -> Iterator[tuple[int, int]]:
        """Yield the byte ranges that do not read as zeros."""
        while offset_bytes < self.size_bytes:
            with self._client() as client:
                length_bytes = min(_STATUS_LENGTH_BYTES, self.size_bytes - offset_bytes)
                try:
                    runs = client.allocation(offset_bytes, length_bytes)
                except NbdError as error:
                    raise self._unreadable(offset_bytes, None, error.number) from error
            for run_bytes, flags in runs:
                stop_bytes = min(offset_bytes + run_bytes, self.size_bytes)
                if not flags & Allocation.ZERO:
                    yield offset_bytes, stop_bytes
                offset_bytes = stop_bytes

    def read_window(self, start: int, block_count: int) -> BufferedWindow:
        check_blocks(start, block_count, self.block_count)
        buffers = [self._pool.take() for _ in range(block_count)]
        requests = []
        for index, buffer in enumerate(buffers, start):
            offset_bytes = index * BLOCK_SIZE_BYTES
            view = memoryview(buffer)
            length_bytes = min(BLOCK_SIZE_BYTES, self.size_bytes - offset_bytes)
            view[length_bytes:] = bytes(BLOCK_SIZE_BYTES - length_bytes)
            requests.append((offset_bytes, view[:length_bytes]))
        with self._client() as client:
            try:
                client.read(requests)
            except NbdError as error:
                self._search(client, *requests[error.position])
        return BufferedWindow(start, buffers, self._pool)

    def check_complete(self) -> None:
        pass

    def check_unchanged(self) -> None:
        for layer in self.layers:
            layer.file.check_unchanged()

    def close(self) -> None:
        self._server.close()
        close_chain(self.layers)

    @contextmanager
    def _client(self) -> Iterator[NbdClient]:
        """Lend a connection, as soon as one is free."""
        client = self._free.get()
        try:
            if client is None:
                raise self._gone("it ended")
            yield client
        except NbdBroken as error:
            client = None  # one process answers all or nobody: who waits gets the error as well
            raise self._gone(str(error)) from error
        finally:
            self._free.put(client)

    def _search(self, client: NbdClient, offset_bytes: int, view: memoryview) -> None:
        """Read a block again by sectors, to name the first that fails; well if none does."""
        for at in range(0, len(view), _SECTOR_SIZE_BYTES):
            sector = view[at : at + _SECTOR_SIZE_BYTES]
            try:
                client.read([(offset_bytes + at, sector)])
            except NbdError as error:
                place = offset_bytes + at
                raise self._unreadable(place, len(sector), error.number) from error

    def _unreadable(self, at_bytes: int, length_bytes: int | None, number: int) -> SourceError:
        name = errno.errorcode.get(number, "unknown")
        return SourceError(
            self.path,
            f"cannot be read by QEMU: {os.strerror(number)} ({name}); the image, or the disk that "
            f"it lies on, is damaged (qemu-img check -f {DRIVERS[self._image_format]} IMAGE)",
            offset_bytes=at_bytes,
            length_bytes=length_bytes,
            block_index=at_bytes // BLOCK_SIZE_BYTES,
        )

    @property
    def _image_format(self) -> ImageFormat:
        format_ = self.layers[0].format
        assert format_ != "raw"  # noqa: S101 - that would be a RawSource
        return format_

    def _gone(self, what: str) -> SourceError:
        return SourceError(self.path, f"cannot be read any more: qemu-nbd failed ({what})")


def open_image(layers: tuple[Layer, ...]) -> ImageSource:
    """Return the disk in a chain of images; takes the layers over. Blocks.

    Raises:
        SourceError: QEMU is missing, or does not open it.
    """
    path, format_ = layers[0].file.path, layers[0].format
    assert format_ != "raw"  # noqa: S101 - the caller's
    try:
        paths = {layer.file.fd: layer.file.path for layer in layers}
        server = ImageServer.start(path, DRIVERS[format_], node_of(layers), paths)
    except BaseException:
        close_chain(layers)
        raise
    source = ImageSource(layers, server)
    try:
        _check_length(source, layers[0])
        source.check_unchanged()  # QEMU has read the headers that were inspected, and no others
    except BaseException:
        source.close()
        raise
    return source


def _check_length(source: ImageSource, layer: Layer) -> None:
    """Compare the length that QEMU shows with the header's own: neither is believed alone."""
    assert layer.inspected is not None  # noqa: S101 - of a raw file there is no image
    expected_bytes = layer.inspected.exported_bytes()
    if source.size_bytes != expected_bytes:
        raise SourceError(
            layer.file.path,
            f"holds a disk of {expected_bytes} bytes, as its header says, and QEMU shows "
            f"{source.size_bytes} of them: another version of QEMU may read it, or convert it "
            "where it was made",
        )
