"""A file that loses its end under a map is an error, in a process that lives on."""

import subprocess
import sys
from pathlib import Path

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.source.populate import can_populate

PROGRAM = """
import mmap, os, sys
from bulkput.model.errors import SourceError
from bulkput.source.open import open_source
from bulkput.source.populate import populate_read

path, size_bytes = sys.argv[1], int(sys.argv[2])
source = open_source(path, reader="mmap")
mapping = mmap.mmap(os.open(path, os.O_RDONLY), size_bytes, access=mmap.ACCESS_READ)
window = source.read_window(0, 4)
view = window.block(3)
os.truncate(path, size_bytes // 2)
try:
    populate_read(mapping)
except OSError as error:
    print(error.strerror)
try:
    source.read_window(0, 8)
except SourceError as error:
    print(error.block_index, error.what)
print(len(bytes(view)))
if len(sys.argv) > 3:
    mapping[size_bytes - 1]
"""


@pytest.mark.skipif(not can_populate(), reason="this kernel has no MADV_POPULATE_READ")
def test_truncation_before_the_window_is_an_error_and_no_signal(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"x" * (8 * BLOCK_SIZE_BYTES))
    command = [sys.executable, "-c", PROGRAM, str(path), str(8 * BLOCK_SIZE_BYTES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    fault, window, view = done.stdout.splitlines()
    assert fault == "Bad address"
    assert window.startswith("4 ends here")
    assert view == str(BLOCK_SIZE_BYTES)


@pytest.mark.skipif(not can_populate(), reason="this kernel has no MADV_POPULATE_READ")
def test_a_touch_without_populate_would_have_been_the_end(tmp_path: Path) -> None:
    """Shows that the test above looks at something: the same page, touched, is SIGBUS."""
    path = tmp_path / "a.img"
    path.write_bytes(b"x" * (8 * BLOCK_SIZE_BYTES))
    command = [sys.executable, "-c", PROGRAM, str(path), str(8 * BLOCK_SIZE_BYTES), "touch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -7
