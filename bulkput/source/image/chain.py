"""An image and what it builds upon: inspected by us, opened by us, handed to QEMU as descriptors.

Owns what QEMU may see. It is given every file by descriptor and every format by name, and that
there is no backing file where none is followed; so what an image's header says leads nowhere.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from bulkput.model.disk_format import ImageFormat
from bulkput.model.errors import SourceError
from bulkput.source.format import HEAD_SIZE_BYTES, choose_format, detect_format
from bulkput.source.image.formats import DRIVERS
from bulkput.source.image.inspected import Backing, Inspected
from bulkput.source.image.qcow2 import inspect_qcow2
from bulkput.source.image.vdi import inspect_vdi
from bulkput.source.image.vhd import inspect_vhd
from bulkput.source.image.vhdx import inspect_vhdx
from bulkput.source.image.vmdk import inspect_vmdk
from bulkput.source.source_file import OpenedFile, open_file

_LAYERS_MAX = 64
"""libvirt's chains stay far below; a longer one is a circle."""

_PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""What QEMU reads as a protocol or as options, not as a path."""

_INSPECTIONS: dict[ImageFormat, Callable[[OpenedFile], Inspected]] = {
    "qcow2": inspect_qcow2,
    "vmdk": inspect_vmdk,
    "vhd": inspect_vhd,
    "vdi": inspect_vdi,
    "vhdx": inspect_vhdx,
}


@dataclass(frozen=True)
class Layer:
    """One file of a chain."""

    file: OpenedFile
    format: ImageFormat | Literal["raw"]
    inspected: Inspected | None
    """The content of its header; None of a raw file."""


def open_chain(
    file: OpenedFile,
    format_: ImageFormat,
    *,
    allow_backing_file: bool,
) -> tuple[Layer, ...]:
    """Return the layers of an image, the uppermost first, which is ``file``'s. Blocks.

    Raises:
        SourceError: an image leads where it may not; what was opened below ``file`` is closed.
    """
    layers: list[Layer] = []
    try:
        layers.append(Layer(file, format_, _inspect(file, format_)))
        while (backing := _backing(layers[-1])) is not None:
            if not allow_backing_file:
                _refuse_backing_file(layers[-1], backing)
            layers.append(_below(layers, backing))
    except BaseException:
        close_chain(layers[1:])
        raise
    return tuple(layers)


def close_chain(layers: list[Layer] | tuple[Layer, ...]) -> None:
    """Close all files. Safe to repeat."""
    for layer in layers:
        layer.file.close()


def node_of(layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Return how QEMU is to open the chain, every file of it by descriptor."""
    node: dict[str, Any] | None = None
    for layer in reversed(layers):
        protocol = "host_device" if layer.file.kind == "device" else "file"
        file = {"driver": protocol, "filename": f"/proc/self/fd/{layer.file.fd}"}
        if layer.file.allow_mounted:
            file["locking"] = "off"  # else QEMU refuses what another QEMU writes to
        if layer.format == "raw":
            node = {"driver": "raw", "file": file}
        else:
            options = layer.inspected.options if layer.inspected is not None else {}
            node = {"driver": DRIVERS[layer.format], "file": file, "backing": node, **options}
    assert node is not None  # noqa: S101 - there is always one layer
    return node


def _backing(layer: Layer) -> Backing | None:
    return None if layer.inspected is None else layer.inspected.backing


def _inspect(file: OpenedFile, format_: ImageFormat) -> Inspected:
    try:
        return _INSPECTIONS[format_](file)
    except OSError as error:
        raise SourceError(file.path, f"cannot be examined: {error.strerror}") from error


def _refuse_backing_file(layer: Layer, backing: Backing) -> NoReturn:
    raise SourceError(
        layer.file.path,
        f"needs another file, {backing.name!r}, its backing file: set allow_backing_file if that "
        "file may be read, or convert the image first (qemu-img convert -O qcow2)",
    )


def _below(layers: list[Layer], backing: Backing) -> Layer:
    upper = layers[-1].file.path
    if _PROTOCOL.match(backing.name) or not backing.name or "\0" in backing.name:
        what = f"names {backing.name!r} as its backing file, which is not a path: it is not read"
        raise SourceError(upper, what)
    if len(layers) >= _LAYERS_MAX:
        raise SourceError(upper, f"is image {_LAYERS_MAX} of a chain: is it a circle?")
    format_ = next((name for name, driver in DRIVERS.items() if driver == backing.format), None)
    if format_ is None and backing.format != "raw":
        recorded = "does not say" if backing.format is None else f"says {backing.format!r}:"
        what = f"{recorded} which format its backing file {backing.name!r} has"
        raise SourceError(upper, f"{what}; qemu-img rebase -u -F FORMAT writes it down")
    file = open_file(upper.parent / backing.name, allow_mounted=layers[-1].file.allow_mounted)
    try:
        if format_ is None:
            return Layer(file, "raw", None)
        _check_format(file, format_)
        return Layer(file, format_, _inspect(file, format_))
    except BaseException:
        file.close()
        raise


def _check_format(file: OpenedFile, format_: ImageFormat) -> None:
    try:
        mark = detect_format(*file.ends(HEAD_SIZE_BYTES))
        choose_format(format_, mark)
    except OSError as error:
        raise SourceError(file.path, f"cannot be examined: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(file.path, str(error)) from error
