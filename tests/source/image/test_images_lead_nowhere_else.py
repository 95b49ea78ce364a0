"""What an image's header names is not opened unless that was asked for."""

import struct

import pytest
from support.images import BLOCK, MADE, content, qemu_img

from bulkput.model.errors import SourceError
from bulkput.source.image import chain
from bulkput.source.image.inspected import Inspected
from bulkput.source.image.qemu_nbd import ImageServer

SECRET = b"nobody shall read this" * 100


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.raw"
    path.write_bytes(SECRET.ljust(BLOCK, b"\0"))
    return path


@pytest.fixture
def qemu_never_runs(monkeypatch):
    def start(*arguments):
        pytest.fail("QEMU was started")

    monkeypatch.setattr(ImageServer, "start", start)


def refused(opened, path, **choices):
    with pytest.raises(SourceError) as caught:
        opened(path, **choices)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def overlay(tmp_path, backing, *options, name="over.qcow2"):
    path = tmp_path / name
    qemu_img("create", "-f", "qcow2", "-u", "-b", backing, *options, path, "16M")
    return path


def test_a_backing_file_is_refused_by_default(tmp_path, opened, secret, qemu_never_runs):
    path = overlay(tmp_path, secret, "-F", "raw")
    assert "allow_backing_file" in refused(opened, path)
    assert "'" + str(secret) in refused(opened, path)


def test_qemu_does_not_follow_what_the_inspection_would_have_missed(
    tmp_path, opened, secret, monkeypatch
):
    monkeypatch.setitem(chain._INSPECTIONS, "qcow2", lambda _: Inspected(16 << 20))
    source = opened(overlay(tmp_path, secret, "-F", "raw"))
    assert not any(source.read_window(0, 1).block(0))


def test_a_backing_file_is_followed_on_purpose(made, sample, tmp_path, opened):
    path = overlay(tmp_path, made("qcow2"), "-F", "qcow2")
    source = opened(path, allow_backing_file=True)
    assert content(source) == sample.read_bytes()
    assert "backing_1" in source.identity.as_dict()


def test_a_relative_name_is_one_beside_the_image(tmp_path, opened, secret, monkeypatch):
    monkeypatch.chdir("/")
    path = overlay(tmp_path, secret.name, "-F", "raw")
    assert content(opened(path, allow_backing_file=True)).startswith(SECRET)


def test_a_backing_file_that_is_written_to_is_noticed(tmp_path, opened, secret):
    source = opened(overlay(tmp_path, secret, "-F", "raw"), allow_backing_file=True)
    secret.write_bytes(b"changed")
    with pytest.raises(SourceError, match=r"secret\.raw"):
        source.check_unchanged()


@pytest.mark.parametrize("name", ["json:{}", "nbd://127.0.0.1/x", "file:secret.raw", "https://h/x"])
def test_what_is_no_path_is_never_followed(tmp_path, opened, qemu_never_runs, name):
    path = overlay(tmp_path, name, "-F", "raw")
    assert "is not a path" in refused(opened, path, allow_backing_file=True)


def test_a_backing_file_of_unsaid_format_is_not_guessed(tmp_path, opened, secret, qemu_never_runs):
    path = overlay(tmp_path, secret, "-F", "raw")
    content_ = path.read_bytes()
    at = content_.index(struct.pack(">II", 0xE2792ACA, 3))
    path.write_bytes(content_[:at] + bytes(16) + content_[at + 16 :])
    assert "does not say which format" in refused(opened, path, allow_backing_file=True)


def test_a_backing_file_of_another_format_than_configured_is_refused(
    tmp_path, opened, secret, qemu_never_runs
):
    path = overlay(tmp_path, secret, "-F", "qcow2")
    assert "is not qcow2" in refused(opened, path, allow_backing_file=True)


def test_a_chain_that_is_a_circle_ends(tmp_path, opened, qemu_never_runs):
    path = overlay(tmp_path, "again.qcow2", "-F", "qcow2")
    path = path.rename(tmp_path / "again.qcow2")
    assert "circle" in refused(opened, path, allow_backing_file=True)


def test_data_in_another_file_is_refused_whatever_is_allowed(
    tmp_path, opened, secret, qemu_never_runs, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "external.qcow2"
    qemu_img("create", "-f", "qcow2", "-o", "data_file=data,data_file_raw=on", path, "8M")
    assert "another file" in refused(opened, path, allow_backing_file=True)


def test_a_raw_disk_that_begins_like_qcow2_reads_only_itself_as_raw(tmp_path, opened, secret):
    path = overlay(tmp_path, secret, "-F", "raw", name="disk.raw")
    assert "allow_backing_file" in refused(opened, path)
    source = opened(path, format="raw")
    assert SECRET not in content(source)
    assert content(source)[: path.stat().st_size] == path.read_bytes()


@pytest.mark.parametrize("feature", [0, 1])
def test_an_encrypted_or_corrupt_image_is_refused(made, tmp_path, opened, qemu_never_runs, feature):
    image = bytearray(made("qcow2").read_bytes())
    if feature:
        image[79] |= 2  # incompatible feature: corrupt
    else:
        image[35] = 2  # encryption: LUKS
    (tmp_path / "image").write_bytes(image)
    assert ("corrupt" if feature else "encrypted") in refused(opened, tmp_path / "image")


def test_a_vmdk_descriptor_that_points_elsewhere_is_refused(
    tmp_path, opened, secret, qemu_never_runs
):
    path = tmp_path / "disk.vmdk"
    path.write_text(
        "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
        f'createType="monolithicFlat"\nRW 1024 FLAT "{secret}" 0\n'
    )
    assert "other files" in refused(opened, path)
    assert "other files" in refused(opened, path, format="vmdk")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"parentCID=ffffffff", b"parentCID=12345678", "parent"),
        (b"RW 32768 SPARSE", b'RW 8192 FLAT "x" 0\nRW 1 SPARSE', "not only, in this file"),
        (b"monolithicSparse", b"monolithicFlat\0\0", "not only, in this file"),
        (b"ddb.adapterType", b'parentFileNameHint="/etc/passwd"\n#', "parent"),
    ],
)
def test_a_vmdk_whose_own_descriptor_points_elsewhere_is_refused(
    made, tmp_path, opened, qemu_never_runs, old, new, message
):
    image = made("vmdk").read_bytes()
    assert old in image
    at = image.index(old)
    changed = image[:at] + new + image[at + len(old) : 0x200 + 1024 + len(old) - len(new)]
    changed += image[len(changed) :]
    (tmp_path / "image").write_bytes(changed)
    assert message in refused(opened, tmp_path / "image")


def test_a_vmdk_without_a_capacity_is_no_way_to_its_descriptor(
    made, tmp_path, opened, qemu_never_runs
):
    image = bytearray(made("vmdk").read_bytes())
    image[12:20] = bytes(8)
    (tmp_path / "image").write_bytes(image)
    assert "not a disk by itself" in refused(opened, tmp_path / "image")


def test_a_part_of_a_vmdk_in_several_files_is_refused(made, tmp_path, opened, qemu_never_runs):
    image = bytearray(made("vmdk").read_bytes())
    image[28:44] = bytes(16)
    (tmp_path / "image").write_bytes(image)
    assert "one part of a VMDK" in refused(opened, tmp_path / "image")


@pytest.mark.parametrize(("name", "at"), [("vhd", 63), ("vdi", 0x4C)])
def test_a_differencing_disk_is_refused(made, tmp_path, opened, qemu_never_runs, name, at):
    image = bytearray(made(name).read_bytes())
    image[at] = 4
    (tmp_path / "image").write_bytes(image)
    assert "parent disk, which is not read" in refused(opened, tmp_path / "image")


@pytest.mark.parametrize(
    "name", ["qcow2", "qcow2-old", "qcow2-extended", "vmdk", "vmdk-stream", "vhd", "vhdx", "vdi"]
)
def test_an_image_whose_end_is_missing_is_refused(made, tmp_path, opened, name):
    image = made(name).read_bytes()
    (tmp_path / "image").write_bytes(image[: len(image) - 1_200_000])
    assert "cut short" in refused(opened, tmp_path / "image")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A disk that holds compressible data to its last byte."""
    path = tmp_path_factory.mktemp("full") / "disk.raw"
    path.write_bytes(b"".join(b"%015d\n" % (number * 7919) for number in range(1 << 16)))
    return path


# How many bytes are not looked at: a padded sector behind the last cluster, or a footer.
@pytest.mark.parametrize(
    ("name", "spare"),
    [("qcow2-compressed", 511), ("vmdk", 0), ("vhd", 512), ("vhdx", 0), ("vdi", 0)],
)
def test_not_even_a_part_of_a_sector_may_be_missing(full, tmp_path, opened, name, spare):
    small = ("-o", "block_size=1M") if name == "vhdx" else ()  # else the last block is not full
    qemu_img("convert", "-f", "raw", *MADE[name][1:], *small, full, tmp_path / "whole")
    image = (tmp_path / "whole").read_bytes()
    for missing in (1, 100, 300, 511, 512, 600, 1100):
        cut = tmp_path / f"cut-{missing}"
        cut.write_bytes(image[:-missing])
        try:
            source = opened(cut)
            read = content(source)[: full.stat().st_size]
        except SourceError as error:
            # A VHDX of whole sectors is left to QEMU, which knows its tables.
            by_qemu = (name, missing) == ("vhdx", 512)
            words = "cannot be opened by QEMU" if by_qemu else "cut short"
            assert words in str(error)  # noqa: PT017 - or it is read to its end
        else:
            assert missing <= spare
            assert read == full.read_bytes()


def test_a_vdi_whose_map_leads_beyond_its_end_is_refused(made, tmp_path, opened, qemu_never_runs):
    image = bytearray(made("vdi").read_bytes())
    (map_at,) = struct.unpack_from("<I", image, 0x154)
    image[map_at + 1] |= 1  # the first block is the 256th now
    (tmp_path / "image").write_bytes(image)
    assert "cut short" in refused(opened, tmp_path / "image")


@pytest.mark.parametrize("name", ["qcow2", "vmdk", "vhd", "vhdx", "vdi"])
def test_a_header_alone_is_refused(made, tmp_path, opened, name):
    (tmp_path / "image").write_bytes(made(name).read_bytes()[:600])
    refused(opened, tmp_path / "image")
