"""One sample disk in every format, made once a module."""

import pytest
from support.images import MADE, qemu_img, write_sample

from bulkput.source.open import open_source


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample") / "disk.raw")


@pytest.fixture(scope="module")
def made(sample):
    """Return what makes an image of the sample by its name in MADE, once."""

    def make(name):
        path = sample.parent / f"disk.{name}"
        if not path.exists():
            qemu_img("convert", "-f", "raw", *MADE[name][1:], sample, path)
        return path

    return make


@pytest.fixture
def opened():
    """Open sources that are closed at the end of the test."""
    sources = []

    def open_one(path, **choices):
        sources.append(open_source(path, **choices))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()
