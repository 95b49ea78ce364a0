"""Machines whose folders lie in memory: their disks, crashes and power cuts are models."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")
_LEAST_BYTES = 1 << 30
"""A hundred times what a test writes; a container's 64 MiB are left to whoever needs them."""


@pytest.fixture
def tmp_path(tmp_path):
    """A folder in memory where there is one: each rename on a disk allocates, a quarter of all."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _LEAST_BYTES:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="bulkput-", dir=_MEMORY) as folder:
        yield Path(folder)
