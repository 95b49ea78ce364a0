"""Behind a sound stream: padding is taken and noted, anything else and damage refused."""

import gzip

import pytest
from source.stream.test_streams_are_read_to_a_sound_end import DISK, opened, read, refused
from support.streams import COMPRESS

from bulkput.source.stream import decoder

BEGINNINGS = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}


def read_noted(tmp_path, content, **choices):
    path = tmp_path / "disk"
    path.write_bytes(content)
    with opened(path, **choices) as source:
        return read(source), source.check_complete()


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("length_bytes", [1, 7, 512, 65_536, (1 << 20) + 3])
def test_zeros_are_padding_and_noted(tmp_path, kind, length_bytes):
    content = COMPRESS[kind](DISK) + bytes(length_bytes)
    disk, note = read_noted(tmp_path, content)
    assert disk[: len(DISK)] == DISK
    assert f"{length_bytes:,} zero bytes follow the {kind} stream" in note


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_disk_with_nothing_behind_it_has_no_note(tmp_path, kind):
    assert read_noted(tmp_path, COMPRESS[kind](DISK))[1] is None


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize(
    "garbage", [b"x", b"garbage" * 100, b"QFI\xfb", bytes(512) + b"PK\x03\x04", b"\n", b"-----"]
)
def test_something_else_is_refused_with_the_way_to_allow_it(tmp_path, kind, garbage):
    content = COMPRESS[kind](DISK) + garbage
    message = refused(tmp_path, content)
    assert f"holds a whole disk in {kind}, which ended well" in message
    assert "--allow-trailing-data" in message
    assert "damaged or cut" not in message
    disk, note = read_noted(tmp_path, content, allow_trailing_data=True)
    assert disk[: len(DISK)] == DISK
    assert not any(disk[len(DISK) :])
    assert f"{len(garbage):,} bytes that are no {kind} follow the stream" in note


@pytest.mark.parametrize("kind", COMPRESS)
def test_how_it_begins_is_shown_wherever_pieces_end(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("bulkput.source.stream.feed.PIECE_SIZE_BYTES", 1)
    content = COMPRESS[kind](b"disk" * 200) + b"behind it"
    assert "begins with 62 65 68 69 6e 64 20 69;" in refused(tmp_path, content)


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("allow", [False, True])
def test_a_further_part_that_is_damaged_is_damage_whatever_is_allowed(tmp_path, kind, allow):
    whole = COMPRESS[kind](DISK[:100_000])
    more = COMPRESS[kind](DISK)
    for rest in (BEGINNINGS[kind], BEGINNINGS[kind][:1], more[:-1], more[: len(more) // 2]):
        assert "damaged or cut short" in refused(tmp_path, whole + rest, allow_trailing_data=allow)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("allow", [False, True])
def test_a_part_behind_padding_is_nobodys_to_guess(tmp_path, kind, allow):
    part = COMPRESS[kind](DISK[:1000])
    message = refused(tmp_path, part + bytes(512) + part, allow_trailing_data=allow)
    assert "between two parts" in message


def test_xz_between_streams_is_padded_by_fours_only(tmp_path):
    part = COMPRESS["xz"](DISK[:1000])
    assert "between two parts" in refused(tmp_path, part + bytes(7) + part)


def test_many_zeros_behind_several_parts_may_be_parts_that_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "_PADDING_OF_PARTS_MAX_BYTES", 10_000)
    part = gzip.compress(DISK[:1000])
    assert "a copy that was not finished" in refused(tmp_path, part + part + bytes(10_001))
    for content, choices in (
        (part + part + bytes(10_000), {}),
        (part + bytes(20_000), {}),
        (part + part + bytes(20_000), {"allow_trailing_data": True}),
    ):
        assert "zero bytes follow" in read_noted(tmp_path, content, **choices)[1]
