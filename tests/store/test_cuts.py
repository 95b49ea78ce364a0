"""The object that makes a cut: read as it was written, and refused where it is not that."""

import contextlib
import hashlib
import json
import random

import pytest
from support.ledgers import make_header

from bulkput.ledger.header import encode_header
from bulkput.ledger.header_schema import canonical_json
from bulkput.store.cut import Cut, CutFormatError, KeptSegment, Writer, decode_cut, encode_cut
from bulkput.store.lease import held_for_s, lease_s, words

WRITER = Writer("ab12", "web-1", 77, 1_800_000_000.0, 1_800_000_030.0, 120.0)
CUT = Cut(
    sequence=7,
    writer=WRITER,
    ledger=encode_header(make_header(10)).decode(),
    samples="00" * 32,
    segments={3: KeptSegment(3, 40, "ab" * 32, 1, 0, 0), 5: KeptSegment(5, 80, "cd" * 32, 1, 1, 0)},
)


def test_a_cut_is_read_as_it_was_written():
    found = decode_cut(encode_cut(CUT))
    assert found == CUT
    assert found.header() == make_header(10)
    assert (found.acknowledged_blocks, found.settled_blocks) == (2, 3)


def test_keys_that_are_not_known_are_passed_over_and_other_versions_refused():
    facts = json.loads(encode_cut(CUT))
    del facts["checksum"]
    facts["later"] = {"of": "a newer bulkput"}
    summed = {"checksum": hashlib.sha256(canonical_json(facts)).hexdigest()} | facts
    assert decode_cut(json.dumps(summed).encode()) == CUT
    with pytest.raises(CutFormatError, match="has format version 3, written by bulkput 0"):
        decode_cut(json.dumps(summed | {"format_version": 3}).encode())


def test_a_damaged_cut_is_never_believed():
    chance, content = random.Random(4), encode_cut(CUT)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 3))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        with contextlib.suppress(ValueError):
            assert decode_cut(bytes(damaged)) == CUT  # only blanks were changed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sequence", 0),
        ("sequence", "7"),
        ("writer", None),
        ("writer", {}),
        ("segments", [[1, 2]]),
        ("segments", [[1, 2, "short", 0, 0, 0]]),
        ("segments", [[-1, 2, "ab" * 32, 0, 0, 0]]),
        ("segments", {}),
        ("ledger", 7),
    ],
)
def test_values_of_another_form_are_no_cut(key, value):
    facts = json.loads(encode_cut(CUT))
    del facts["checksum"]
    facts[key] = value
    summed = {"checksum": hashlib.sha256(canonical_json(facts)).hexdigest()} | facts
    if value == {} and key == "segments":
        assert decode_cut(json.dumps(summed).encode()).segments == {}
        return
    with pytest.raises(ValueError, match=r".+"):
        decode_cut(json.dumps(summed).encode())


def test_a_lease_is_counted_by_the_stores_clock_and_else_by_ones_own():
    assert held_for_s(WRITER, 100.0, now_unix_s=0.0) == 20.0
    assert held_for_s(WRITER, 121.0, now_unix_s=0.0) == 0.0
    assert held_for_s(WRITER, None, now_unix_s=1_800_000_050.0) == 100.0
    assert held_for_s(WRITER, None, now_unix_s=0.0) == 120.0
    assert (lease_s(30.0), lease_s(1.0)) == (120.0, 5.0)
    assert words(WRITER) == "process 77 on web-1 since 2027-01-15 08:00:00 UTC"
