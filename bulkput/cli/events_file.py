"""A file of events as a verb is given it: by its path, or ``-`` for standard input."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

_LINE_MAX_BYTES = 16 << 20
"""An outcome with all its notes takes some kilobytes."""


@contextmanager
def event_lines(path: Path) -> Iterator[Iterator[bytes]]:
    """Open the file, which may be growing, for its lines; a longer one comes in pieces.

    Raises:
        OSError: it cannot be read.
    """
    is_piped = str(path) == "-"
    with nullcontext(sys.stdin.buffer) if is_piped else path.open("rb") as file:
        yield _lines(file)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LINE_MAX_BYTES):
        yield line
