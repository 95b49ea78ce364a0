"""What several tests of a disk's content need."""

import pytest
from support.boot_disks import (
    fat,
)
from support.uefi_disks import UEFI


@pytest.fixture(scope="module")
def esp(tmp_path_factory):
    """Return a function that makes an EFI system partition, each once."""
    made = {}
    folder = tmp_path_factory.mktemp("esp")

    def make(files=UEFI, **shape):
        key = (tuple(files), *shape.items())
        if key not in made:
            made[key] = fat(folder, dict(files), **shape)
        return made[key]

    return make
