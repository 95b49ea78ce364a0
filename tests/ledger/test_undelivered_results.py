"""Snapshots whose results nobody has got are kept in the header, as other versions can read it."""

import json
from dataclasses import replace

import pytest
from ledger.conftest import SNAPSHOT_ID, make_header

from bulkput.ledger.header import UNDELIVERED_MAX, decode_header, encode_header


def test_they_are_read_as_they_were_written():
    header = make_header(undelivered=(SNAPSHOT_ID, "snap-0b"))
    assert decode_header(encode_header(header)) == header


def test_a_header_without_any_is_that_of_the_version_before():
    content = encode_header(make_header())
    assert "undelivered" not in json.loads(content)
    assert decode_header(content).undelivered == ()


@pytest.mark.parametrize(
    "wrong", [("vol-1",), ("snap-0a", None), "snap-0a", ["snap-0a"], ("snap-0a",) * 101]
)
def test_others_than_snapshot_ids_are_refused(wrong):
    assert UNDELIVERED_MAX == 100
    with pytest.raises(ValueError, match="undelivered"):
        replace(make_header(), undelivered=wrong)
