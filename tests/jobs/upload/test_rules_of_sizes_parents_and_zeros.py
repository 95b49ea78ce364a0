"""Rules that upload and plan share: the table of each."""

from pathlib import Path

import pytest

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.upload import rules
from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy

GIB = 1 << 30


def volume(zeros="auto", **snapshot):
    settings = {"source": "/disk.img", "zeros": zeros, "snapshot": snapshot}
    return VolumeSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("wanted_gib", "size_bytes", "parent_gib", "expected"),
    [
        (None, 1, 0, 1),
        (None, GIB, 0, 1),
        (None, GIB + 1, 0, 2),
        (None, GIB, 5, 5),
        (None, 6 * GIB, 5, 6),
        (9, GIB, 0, 9),
        (9, GIB, 5, 9),
    ],
)
def test_the_size_of_a_volume(wanted_gib, size_bytes, parent_gib, expected):
    settings = volume(volume_size_gib=wanted_gib)
    assert rules.volume_size_gib(settings, size_bytes, parent_gib) == expected


@pytest.mark.parametrize(
    ("wanted_gib", "size_bytes", "fits"),
    [(None, 9 * GIB, True), (2, 2 * GIB, True), (2, 2 * GIB + 1, False), (1, 0, True)],
)
def test_whether_a_source_fits(wanted_gib, size_bytes, fits):
    settings = volume(volume_size_gib=wanted_gib)
    if fits:
        rules.require_source_fits(settings, Path("/disk.img"), size_bytes)
        return
    with pytest.raises(ConfigError, match=r"/disk\.img needs 3 GiB, the volume has 2"):
        rules.require_source_fits(settings, Path("/disk.img"), size_bytes)


@pytest.mark.parametrize(
    ("wanted_gib", "parent_gib", "fits"),
    [(None, 9, True), (9, 9, True), (10, 9, True), (8, 9, False)],
)
def test_whether_a_child_is_large_enough(wanted_gib, parent_gib, fits):
    settings = volume(volume_size_gib=wanted_gib, parent="snap-1")
    if fits:
        rules.require_parent_fits(settings, "snap-1", parent_gib)
        return
    with pytest.raises(ConfigError, match="8 GiB are less than the 9 GiB of the parent snap-1"):
        rules.require_parent_fits(settings, "snap-1", parent_gib)


@pytest.mark.parametrize(("source", "parent_stop", "expected"), [(5, 0, 5), (5, 3, 5), (5, 7, 7)])
def test_what_a_parent_has_behind_the_end_is_considered(source, parent_stop, expected):
    assert rules.blocks_to_consider(source, parent_stop) == expected


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234"


@pytest.mark.parametrize(
    ("snapshot", "parent_encrypted", "expected"),
    [
        ({}, None, False),
        ({"encrypted": True}, None, True),
        ({"kms_key_arn": KEY}, None, True),
        ({"encrypted": False}, None, False),
        # A child is encrypted as its parent, whatever is asked for.
        ({}, True, True),
        ({}, False, False),
        ({"encrypted": True}, False, False),
        ({"encrypted": False}, True, True),
    ],
)
def test_what_is_known_of_encryption_before_the_start(snapshot, parent_encrypted, expected):
    known = rules.is_to_be_encrypted(volume(**snapshot), parent_encrypted=parent_encrypted)
    assert known is expected


@pytest.mark.parametrize(
    ("client_token", "started_under", "unknown", "zeros"),
    [
        (None, "write", False, "skip"),
        (None, "skip", False, "skip"),
        ("mine", "skip", False, "skip"),
        ("mine", "skip-holes", False, "skip"),
        ("mine", "write", True, "write"),
    ],
)
def test_what_an_unknown_run_may_have_begun_is_put_completely(
    client_token, started_under, unknown, zeros
):
    settings = volume("skip", client_token=client_token)
    assert rules.may_hold_unknown(settings, ZeroPolicy(started_under)) is unknown
    assert rules.zeros_to_go_on_with(settings, ZeroPolicy(started_under)) == zeros
