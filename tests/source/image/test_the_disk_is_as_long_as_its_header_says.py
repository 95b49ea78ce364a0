"""The length is the header's own, whatever the decoder makes of it: nothing is lost at the end."""

import json
import random

import pytest
from support import written_images
from support.images import content

from bulkput.model.errors import SourceError
from bulkput.source.image import image
from bulkput.source.image.nbd import NbdClient

MIB = 1 << 20
# 16 MiB are 481 x 4 x 17 sectors and 60 more: what goes by the geometry loses 30,720 bytes.
_NOISE = random.Random(10)
DISK = _NOISE.randbytes(4 * MIB) + bytes(10 * MIB) + _NOISE.randbytes(2 * MIB)
SHORT = DISK[: 4 * MIB] + DISK[-2 * MIB :]
CREATORS = (
    b"wa\0\0",
    b"win ",
    b"qemu",
    b"qem2",
    b"vpc ",
    b"vbox",
    b"tap\0",
    b"d2v ",
    b"CTXS",
    b"what",
)


@pytest.fixture
def written(tmp_path):
    def write(content_):
        path = tmp_path / "image"
        path.write_bytes(content_)
        return path

    return write


def refused(opened, path, **choices):
    with pytest.raises(SourceError) as caught:
        opened(path, **choices)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def damaged_footer():
    image_ = bytearray(written_images.dynamic_vhd(SHORT))
    image_[511] ^= 1
    return bytes(image_)


def test_the_geometry_of_the_sample_is_shorter_than_the_disk():
    cylinders, heads, sectors = written_images.geometry_of(len(DISK) // 512)
    assert len(DISK) - cylinders * heads * sectors * 512 == 30_720


@pytest.mark.parametrize("creator", CREATORS)
@pytest.mark.parametrize("kind", ["fixed_vhd", "dynamic_vhd"])
def test_a_vhd_of_any_creator_comes_with_its_end(written, opened, kind, creator):
    source = opened(written(getattr(written_images, kind)(DISK, creator=creator)))
    assert (source.format, source.size_bytes) == ("vhd", len(DISK))
    assert content(source) == DISK


def test_a_vhd_from_before_2004_is_taken_without_its_footer(written, opened):
    source = opened(written(written_images.fixed_vhd(DISK, creator=b"vpc ", length=511)))
    assert (source.format, source.size_bytes) == ("vhd", len(DISK))
    assert content(source) == DISK


def test_an_old_qemus_vhd_is_as_long_as_its_whole_cylinders(written, opened):
    asked = len(SHORT) - 512 * 5
    whole = (len(SHORT) // (17 * 4 * 512), 4, 17)
    assert asked > whole[0] * 17 * 4 * 512 - 17 * 4 * 512
    size = whole[0] * 17 * 4 * 512
    image_ = written_images.dynamic_vhd(SHORT, b"qemu", size=size - 512 * 5, geometry=whole)
    source = opened(written(image_))
    assert source.size_bytes == size
    assert content(source)[:size] == SHORT[:size]


def test_a_geometry_of_its_greatest_size_says_nothing_of_the_length(written, opened):
    image_ = written_images.dynamic_vhd(SHORT, geometry=(65535, 16, 255))
    assert content(opened(written(image_))) == SHORT


@pytest.mark.parametrize("kind", ["vhdx", "vdi", "vmdk", "qcow2"])
def test_an_image_after_its_specification_comes_whole(written, opened, kind):
    source = opened(written(getattr(written_images, kind)(SHORT)))
    assert (source.format, source.size_bytes) == (kind, len(SHORT))
    assert content(source) == SHORT


def test_a_vdi_may_end_within_a_sector(written, opened):
    source = opened(written(written_images.vdi(SHORT[: 3 * MIB], size=3 * MIB - 100)))
    assert source.size_bytes == 3 * MIB


@pytest.mark.parametrize(
    ("make", "what"),
    [  # each made where it is looked at, not by whoever collects tests
        (
            lambda: written_images.fixed_vhd(SHORT, size=len(SHORT) - MIB),
            "which is right cannot be seen",
        ),
        (lambda: written_images.fixed_vhd(SHORT, size=len(SHORT) + MIB), "cut short"),
        (lambda: written_images.fixed_vhd(SHORT[:-7], size=len(SHORT) - 7), "not whole sectors"),
        (
            lambda: written_images.dynamic_vhd(SHORT, foot_size=len(SHORT) + MIB),
            "two footers differ",
        ),
        (lambda: written_images.dynamic_vhd(SHORT, size=len(SHORT) * 2), "with a table for"),
        (lambda: written_images.dynamic_vhd(SHORT, kind=4), "parent disk"),
        (lambda: written_images.dynamic_vhd(SHORT, kind=5), "kind that is not known (5)"),
        (damaged_footer, "checksum does not hold"),
        (lambda: written_images.vdi(SHORT, size=len(SHORT) + MIB), "with a map for"),
        (lambda: written_images.vmdk(SHORT, named=len(SHORT) // 512 + 1), "as its descriptor says"),
        (
            lambda: written_images.vmdk(SHORT, named=len(SHORT) // 512 - 128),
            "as its descriptor says",
        ),
        (lambda: written_images.qcow2(SHORT, size=1 << 47), "more than the largest volume"),
        (lambda: written_images.vhdx(SHORT, flags=2), "differences from a parent disk"),
        (lambda: written_images.vhdx(SHORT, sector=4096), "sectors of 4096 bytes"),
        (lambda: written_images.vhdx(SHORT)[: 192 << 10], "no region table"),
        (lambda: written_images.vhdx(SHORT, size=1 << 47), "more than the largest volume"),
    ],
)
def test_an_image_that_contradicts_itself_is_refused_in_a_sentence(written, opened, make, what):
    message = refused(opened, written(make()))
    assert what in message
    assert "Invalid argument" not in message


def test_a_vmdk_whose_capacity_is_rounded_up_to_grains_is_taken(written, opened):
    sectors = len(SHORT) // 512
    source = opened(written(written_images.vmdk(SHORT, named=sectors - 127)))
    assert content(source) == SHORT


@pytest.mark.parametrize("kind", ["fixed_vhd", "vhdx", "vdi", "vmdk", "qcow2"])
def test_a_decoder_that_shows_another_length_is_not_believed(written, opened, monkeypatch, kind):
    init = NbdClient.__init__

    def shorter(self, connection):
        init(self, connection)
        self.size_bytes -= 512

    monkeypatch.setattr(NbdClient, "__init__", shorter)
    message = refused(opened, written(getattr(written_images, kind)(SHORT)))
    assert f"holds a disk of {len(SHORT)} bytes" in message
    assert f"QEMU shows {len(SHORT) - 512}" in message


def test_a_disk_that_ends_within_a_sector_is_refused_where_qemu_drops_its_end(written, opened):
    path = written(written_images.qcow2(SHORT, size=len(SHORT) - 100))
    try:
        source = opened(path)
    except SourceError as error:
        assert f"QEMU shows {len(SHORT) - 512}" in str(error)  # noqa: PT017 - 7.2 does
    else:
        assert source.size_bytes == len(SHORT)


def test_qemu_is_always_given_which_length_counts(written, opened, monkeypatch):
    nodes = []
    start = image.ImageServer.start

    def kept(path, driver, node, paths):
        nodes.append(json.dumps(node))
        return start(path, driver, node, paths)

    monkeypatch.setattr(image.ImageServer, "start", kept)
    opened(written(written_images.fixed_vhd(SHORT)))
    assert '"force_size_calc": "current_size"' in nodes[0]


def test_a_short_last_cluster_has_an_advice_of_its_own(written, opened):
    whole = written_images.qcow2(SHORT)
    message = refused(opened, written(whole[:-1000]))
    assert "ends within its last cluster" in message
    assert "qemu-img convert" in message
    assert "its last cluster" not in refused(opened, written(whole[:-200_000]))
