"""Images of every format from any bytes: what checksums and far places keep out is mended first."""

import atexit
import os
import shutil
import struct
import tempfile
import time

from fuzzing.finding import FindingError, refused
from support.written_images import MIB

from bulkput.model.errors import SourceError
from bulkput.source.image import inspected
from bulkput.source.image.chain import _INSPECTIONS
from bulkput.source.source_file import open_file

KINDS = sorted(_INSPECTIONS)

READ_MAX_BYTES = 4 << 20
"""Beside four times the image's length."""
CPU_MAX_S = 2.0

_EXTENDED_MAX_BITS = 26
"""64 MiB: a file with holes of any size costs only what is read of it."""

_VHDX_PIECES = (
    (192 << 10, 16 + 32 * 4),
    (3 * MIB, 32 + 32 * 8),
    (3 * MIB + (64 << 10), 1 << 12),
)
"""Region table, metadata table, its items: where QEMU puts them. The identifier stays."""


def image_of(kind, content):
    """Return the pieces of an image, by place, and its length."""
    knob, content = content[:1] or b"\0", content[1:]
    bits = knob[0] & 0x1F
    pieces = {0: content}
    if kind == "vhdx" and not knob[0] & 0x80:
        pieces, at = {0: b"vhdxfile"}, 0
        for place, length in _VHDX_PIECES:
            pieces[place] = content[at : at + length]
            at += length
        bits = max(bits, 22)
    elif kind == "vhd" and not knob[0] & 0x80:
        pieces = {0: _with_sums(content)}
    size = max(place + len(piece) for place, piece in pieces.items())
    return pieces, max(size, 1 << bits if 0 < bits <= _EXTENDED_MAX_BITS else 0)


def _with_sums(content):
    """Let the checksums of both footers of a VHD hold."""
    image = bytearray(content)
    old = len(image) % 512 == 511
    for start in {0, len(image) - (511 if old else 512)}:
        footer = image[start : start + 512]
        if start < 0 or not footer.startswith(b"conectix") or len(footer) < 511:
            continue
        footer[64:68] = bytes(4)
        image[start + 64 : start + 68] = struct.pack(">I", ~sum(footer) & 0xFFFF_FFFF)
    return bytes(image)


def write_image(kind, content, path):
    """Write what ``content`` stands for, and return its length."""
    pieces, size = image_of(kind, content)
    with open(path, "wb") as file:  # noqa: PTH123 - fast
        for place, piece in pieces.items():
            file.seek(place)
            file.write(piece)
        file.truncate(size)
    return size


_READ = [0]
_read_at = inspected.read_at


def _counted(file, at_bytes, length_bytes):
    content = _read_at(file, at_bytes, length_bytes)
    _READ[0] += len(content)
    return content


def _inspect_counted(kind, file):
    module = __import__(f"bulkput.source.image.{kind}", fromlist=["read_at"])
    modules = [module]
    if kind == "qcow2":
        modules.append(__import__("bulkput.source.image.qcow2_tables", fromlist=["read_at"]))
    for each in modules:
        each.read_at = _counted
    try:
        return _INSPECTIONS[kind](file)
    finally:
        for each in modules:
            each.read_at = _read_at


_FOLDER = []


def _scratch():
    if not _FOLDER:
        memory = "/dev/shm"  # writing to it costs no disk
        _FOLDER.append(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        atexit.register(shutil.rmtree, _FOLDER[0], ignore_errors=True)
    return os.path.join(_FOLDER[0], "image")  # noqa: PTH118 - fast


def inspect_image(kind, content):
    """Inspect what was made; whatever is raised but a refusal in a sentence is a finding."""
    path = _scratch()
    size = write_image(kind, content, path)
    opened = open_file(path, allow_mounted=True)
    _READ[0] = 0
    began_s = time.process_time()
    try:
        found = _inspect_counted(kind, opened)
        if found.disk_bytes <= 0:
            raise FindingError(f"a disk of {found.disk_bytes} bytes")
    except SourceError as error:
        refused(error)
    finally:
        opened.close()
    spent_s = time.process_time() - began_s
    if _READ[0] > 4 * size + READ_MAX_BYTES or spent_s > CPU_MAX_S:
        raise FindingError(f"{_READ[0]} bytes read of {size}, {spent_s:.1f} s")
