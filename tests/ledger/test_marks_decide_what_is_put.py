"""The rules over marks: vouched for, must be put, may be left out, count and checksum."""

import base64
import hashlib
import os
import zlib

import numpy as np
import pytest

from bulkput.ledger.ledger import Ledger
from bulkput.ledger.marks import Counts
from bulkput.ledger.record import RECORD, RecordCodec, State, must_be_put, never_sent, vouched_for
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST, Extent
from bulkput.model.errors import IntegrityError, LedgerError

EMPTY_LINEAR = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def synthetic_digest(letter: str) -> bytes:
    unit = f"stackd-ebs-synthetic-{letter}\n".encode()
    return hashlib.sha256((unit * (BLOCK_SIZE_BYTES // len(unit) + 1))[:BLOCK_SIZE_BYTES]).digest()


def test_linear_is_the_services_check_vector_whatever_the_order_of_the_acknowledgements(
    folder, tools
):
    digests = {
        2047: synthetic_digest("c"),
        3: synthetic_digest("a"),
        7: ZERO_BLOCK_DIGEST,
        0: synthetic_digest("b"),
    }
    with tools.start(folder) as ledger:
        for index, digest in digests.items():
            ledger.mark_sent(index, digest)
            ledger.mark_acknowledged(index, digest)
        ledger.mark_skipped_zero(100, 300)
        ledger.mark_unchanged(300, 301)
        assert ledger.linear() == (4, "Pq34jf4xh07iqiQpo/morRl/xL06mqy1ERimH+Hypi8=")


def test_linear_of_nothing_is_the_digest_of_nothing(folder, tools):
    with tools.start(folder) as ledger:
        assert ledger.linear() == (0, EMPTY_LINEAR)


def test_linear_refuses_while_a_put_is_open_and_names_the_block(folder, tools):
    with tools.start(folder) as ledger:
        ledger.mark_acknowledged(1, tools.digest_of(1))
        ledger.mark_sent(1234, tools.digest_of(2))
        with pytest.raises(IntegrityError, match=r"block 1234 .*puts such blocks"):
            ledger.linear()
        ledger.mark_acknowledged(1234, tools.digest_of(2))
        assert ledger.linear().changed_blocks_count == 2


def test_linear_takes_the_digest_that_was_acknowledged_last(folder, tools):
    first, second = tools.digest_of(1), tools.digest_of(2)
    with tools.start(folder) as ledger:
        for digest in (first, second, second):
            ledger.mark_sent(5, digest)
            ledger.mark_acknowledged(5, digest)
        expected = base64.b64encode(hashlib.sha256(second).digest()).decode()
        assert ledger.linear() == (1, expected)


def test_each_state_has_its_standing(folder, tools):
    with tools.start(folder, 8) as ledger:
        ledger.mark_sent(1, tools.digest_of(1))
        ledger.mark_acknowledged(2, tools.digest_of(2))
        ledger.mark_skipped_zero(3, 4)
        ledger.mark_unchanged(4, 6)
        assert ledger.states(0, 8).tolist() == [0, 1, 2, 3, 4, 4, 0, 0]
        states = ledger.states(0, 8)
        for skip_zeros, vouched in ((True, [2, 3, 4, 5]), (False, [2, 4, 5])):
            blocks = vouched_for(states, skip_zeros=skip_zeros).blocks
            assert np.flatnonzero(blocks).tolist() == vouched
        assert np.flatnonzero(must_be_put(states)).tolist() == [1]
        assert np.flatnonzero(never_sent(states)).tolist() == [0, 3, 4, 5, 6, 7]
        assert list(ledger.sent_unacknowledged()) == [Extent(1, 2)]
        assert list(ledger.not_skippable()) == [Extent(1, 3)]
        assert list(ledger.not_skippable(2, 8)) == [Extent(2, 3)]
        assert ledger.counts() == Counts(3, 1, 1, 1, 2, 0)
        assert ledger.digest(2) == tools.digest_of(2)
        assert ledger.digests(0, 4).tolist() == [
            list(digest)
            for digest in (bytes(32), tools.digest_of(1), tools.digest_of(2), ZERO_BLOCK_DIGEST)
        ]


@pytest.mark.parametrize("mark", ["mark_skipped_zero", "mark_unchanged"])
@pytest.mark.parametrize("sent", ["mark_sent", "mark_acknowledged"])
def test_a_block_that_was_ever_sent_can_never_be_left_out(folder, tools, mark, sent):
    with tools.start(folder, 100_000) as ledger:
        getattr(ledger, sent)(70_000, tools.digest_of(1))
        with pytest.raises(IntegrityError, match=r"block 70000 .*must be put"):
            getattr(ledger, mark)(10, 100_000)
        assert ledger.counts().unknown == 99_999, "a refused run marks nothing at all"
        getattr(ledger, mark)(10, 70_000)
        getattr(ledger, mark)(70_001, 100_000)


def test_a_block_left_out_can_be_put_after_all(folder, tools):
    with tools.start(folder, 10) as ledger:
        ledger.mark_skipped_zero(0, 10)
        ledger.mark_sent(4, tools.digest_of(4))
        assert must_be_put(ledger.states(0, 10)).tolist() == [index == 4 for index in range(10)]


def test_long_runs_cross_windows_without_seams(folder, tools):
    with tools.start(folder, 200_000) as ledger:
        ledger.mark_skipped_zero(3, 150_001)
        assert ledger.counts() == Counts(50_002, 0, 0, 149_998, 0, 0)
        skipped = list(ledger._table.extents(lambda states: states == State.SKIPPED_ZERO))
        assert skipped == [Extent(3, 150_001)]


def test_indexes_outside_the_table_are_refused(folder, tools):
    with tools.start(folder, 10) as ledger:
        for refused in (
            lambda: ledger.mark_sent(10, bytes(32)),
            lambda: ledger.mark_sent(-1, bytes(32)),
            lambda: ledger.mark_skipped_zero(5, 11),
            lambda: ledger.states(-1, 3),
            lambda: list(ledger.acknowledged(0, 11)),
        ):
            with pytest.raises(IndexError):
                refused()
        with pytest.raises(ValueError, match="32 bytes, not 31"):
            ledger.mark_sent(1, bytes(31))


def test_no_mark_can_be_made_before_the_snapshot_is_started(folder, tools):
    folder.mkdir(parents=True)
    with (
        Ledger.create(folder, tools.make_header()) as ledger,
        pytest.raises(LedgerError, match="not started yet"),
    ):
        ledger.mark_sent(0, bytes(32))


def test_the_vectorised_crc_is_zlibs_for_any_record():
    random = np.random.default_rng(7)
    records = np.zeros(3000, dtype=RECORD)
    records["digest"] = random.integers(0, 256, (3000, 32), dtype=np.uint8)
    records["state"] = random.integers(0, 256, 3000, dtype=np.uint8)
    records["reserved"] = random.integers(0, 256, (3000, 3), dtype=np.uint8)
    indexes = random.integers(0, 1 << 27, 3000, dtype=np.uint32)
    crcs = RecordCodec("snap-0a1b").crc32(records, indexes)
    for record, index, crc in zip(records, indexes, crcs, strict=True):
        checked = b"snap-0a1b" + int(index).to_bytes(8, "little") + record.tobytes()[:36]
        assert zlib.crc32(checked) == crc


def test_runs_are_written_as_single_records_would_be():
    codec = RecordCodec("snap-0a1b")
    start = (1 << 16) * 5 - 3
    records = codec.fill(start, 7, State.SKIPPED_ZERO, ZERO_BLOCK_DIGEST)
    encode = codec.encoder()
    for offset in range(7):
        single = encode(start + offset, State.SKIPPED_ZERO, ZERO_BLOCK_DIGEST)
        assert records[offset].tobytes() == single


@pytest.mark.parametrize("state", [State.UNKNOWN, 5, State.LOST])
def test_a_state_that_is_never_stored_does_not_hold_even_under_a_right_crc(state):
    codec = RecordCodec("snap-0a1b")
    content = codec.encoder()(0, state, b"x" * 32) + codec.encoder()(1, State.SENT, b"x" * 32)
    assert codec.states(np.frombuffer(content, dtype=RECORD), 0).tolist() == [255, 1]


def test_writes_that_the_system_cuts_short_are_finished(folder, tools, monkeypatch):
    whole_pwrite = os.pwrite
    with tools.start(folder, 10_000) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", lambda fd, view, at: whole_pwrite(fd, view[:39], at))
            ledger.mark_acknowledged(1, tools.digest_of(1))
            ledger.mark_skipped_zero(2, 3000)
        assert ledger.counts() == Counts(7001, 0, 1, 2998, 0, 0)
        assert ledger.digest(1) == tools.digest_of(1)
