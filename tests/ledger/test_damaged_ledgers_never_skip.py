"""Cuts and flips at every byte, and a machine of random histories: never a wrong skip."""

import shutil
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bulkput.ledger import ledger as ledger_module
from bulkput.ledger.header import decode_header, encode_header
from bulkput.ledger.header_file import HEADER_NAME, read_header
from bulkput.ledger.inspection import inspect_ledger
from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.record import State, must_be_put, never_sent
from bulkput.ledger.table import Table
from bulkput.model.errors import IntegrityError, LedgerError

BLOCKS = 6
TRUE_STATES = [State.UNKNOWN, State.SENT, State.ACKNOWLEDGED, State.SKIPPED_ZERO, State.UNCHANGED]


@pytest.fixture
def small(folder, tools):
    """A ledger with a block in each state; the last one is acknowledged."""
    with tools.start(folder, BLOCKS) as ledger:
        ledger.mark_sent(1, tools.digest_of(1))
        ledger.mark_acknowledged(2, tools.digest_of(2))
        ledger.mark_skipped_zero(3, 4)
        ledger.mark_unchanged(4, 5)
        ledger.mark_acknowledged(5, tools.digest_of(5))
    return folder


def assert_nothing_wrong(folder: Path, tools) -> None:
    truth = np.array([*TRUE_STATES, State.ACKNOWLEDGED])
    with Ledger.open(folder) as ledger:
        states = ledger.states(0, BLOCKS)
        held = states != State.LOST
        assert (states[held] == truth[held]).all()
        for index in np.flatnonzero(states == State.ACKNOWLEDGED):
            assert ledger.digest(index) == tools.digest_of(index)
        ever_sent = [1, 2, 5]
        assert not never_sent(ledger.states(0, BLOCKS))[ever_sent].any()
        with pytest.raises(IntegrityError):  # block 1 is open in any case
            ledger.linear()


def test_a_table_flipped_at_any_byte(small, tools, monkeypatch):
    monkeypatch.setattr(ledger_module, "write_header", lambda *_: None)  # no disk flush a case
    table = small / TABLE_NAME
    content = table.read_bytes()
    for position in range(len(content)):
        for bit in (0x01, 0x80):
            damaged = bytearray(content)
            damaged[position] ^= bit
            table.write_bytes(damaged)
            assert_nothing_wrong(small, tools)
    table.write_bytes(content)
    assert inspect_ledger(small).problems == ()


def test_a_table_cut_at_any_byte_or_gone(small, tools):
    table = small / TABLE_NAME
    header = (small / HEADER_NAME).read_bytes()
    content = table.read_bytes()
    for size in range(len(content)):
        table.write_bytes(content[:size])
        (small / HEADER_NAME).write_bytes(header)
        assert_nothing_wrong(small, tools)
        with Ledger.open(small) as ledger:
            assert ledger.marks_lost, "mended, but not forgotten"
            assert must_be_put(ledger.states(0, 1)).all()
    table.unlink()
    (small / HEADER_NAME).write_bytes(header)
    assert_nothing_wrong(small, tools)


def test_a_crash_between_noticing_a_cut_and_mending_it_forgets_nothing(small, tools, monkeypatch):
    table = small / TABLE_NAME
    table.write_bytes(table.read_bytes()[:100])

    def power_cut(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Table, "mend", power_cut)
        with pytest.raises(KeyboardInterrupt):
            Ledger.open(small)
    Ledger.open(small).close()
    with Ledger.open(small) as ledger:
        assert ledger.marks_lost


def test_a_header_flipped_or_cut_at_any_byte_means_the_same_or_is_refused(small):
    path = small / HEADER_NAME
    content = path.read_bytes()
    header = read_header(small)
    refused = 0
    for position in range(len(content)):
        variants = [content[:position]]
        variants += [
            content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :]
            for bit in (0x01, 0x10, 0x20, 0x80)
        ]
        for variant in variants:
            try:
                assert decode_header(variant) == header
            except ValueError:
                refused += 1
    assert refused > 4 * len(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (bytes(4096), "the file is empty"),
        (b"[1]", "not a JSON object"),
        (b'{"format_version": 2}', "format version 2, and this program reads version 1"),
        (b'{"format_version": true}', "checksum|missing"),
        (b"\xff\xfe", "not ASCII"),
        (b"[" * 100_000, "torn or damaged"),
        (b'{"format_version": NaN}', "NaN is not a number"),
        (b'{"format_version": ' + b"9" * 5000 + b"}", "torn or damaged"),
        (b'{"a": 1, "a": 1}', "a key appears twice"),
        (b'{"format_version": 1, "surprise": 1}', "is missing|is not known"),
    ],
)
def test_a_header_that_cannot_be_read_is_one_sentence_with_the_way_out(small, content, reason):
    (small / HEADER_NAME).write_bytes(content)
    for reader in (Ledger.open, Ledger.view, inspect_ledger):
        with pytest.raises(LedgerError, match=reason) as caught:
            reader(small)
        assert f"remove the folder {small}" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempt": True},
        {"attempt": "1"},
        {"block_count": 0},
        {"block_count": 2049, "volume_size_gib": 1},
        {"zero_policy": "auto"},
        {"phase": "uploading"},
        {"phase": []},
        {"snapshot_id": "snap-XYZ"},
        {"source_identity": {"a": []}},
        {"source_identity": []},
        {"created_unix_s": "now"},
        {"encrypted": 1},
        {"region": ""},
    ],
)
def test_facts_that_cannot_be_are_refused_even_under_a_right_checksum(tools, wrong):
    header = tools.make_header()
    for name, value in wrong.items():
        object.__setattr__(header, name, value)
    if wrong != {"source_identity": []}:  # cannot even be written
        with pytest.raises(ValueError, match="expected"):
            decode_header(encode_header(header))
    with pytest.raises(ValueError, match="expected"):
        tools.make_header(**wrong)


def test_odd_paths_survive_the_header(tools):
    header = tools.make_header(source_path="/a/\udcff\n\"b'\u20ac", endpoint_url="http://[::1]:1")
    assert decode_header(encode_header(header)) == header


class Histories(RuleBasedStateMachine):
    """Marks, crashes, cuts, new attempts and machine crashes against plain dicts.

    ``sent`` is what a service would know: the digests that each block may have in the snapshot.
    """

    @initialize(path=st.uuids())
    def begin(self, path):
        self.folder = self.root / path.hex
        self.count = 400
        self.attempt = 1
        self.ledger = self.tools.start(self.folder, self.count, "snap-1")
        self.truth = {}
        self.sent = {}
        self.weak = False

    index = st.integers(0, 399)
    value = st.integers(0, 3)

    @rule(index=index, value=value)
    def send(self, index, value):
        digest = self.tools.digest_of(value)
        self.ledger.mark_sent(index, digest)
        self.truth[index] = (State.SENT, digest)
        self.sent[index] = None

    @rule(index=index, value=value)
    def acknowledge(self, index, value):
        digest = self.tools.digest_of(value)
        for mark in (self.ledger.mark_sent, self.ledger.mark_acknowledged):
            mark(index, digest)
        self.truth[index] = (State.ACKNOWLEDGED, digest)
        self.sent[index] = digest

    @rule(start=index, length=st.integers(1, 50), unchanged=st.booleans())
    def leave_out(self, start, length, unchanged):
        stop = min(self.count, start + length)
        mark = self.ledger.mark_unchanged if unchanged else self.ledger.mark_skipped_zero
        allowed = bool(never_sent(self.ledger.states(start, stop)).all())
        try:
            mark(start, stop)
        except IntegrityError:
            assert not allowed
        else:
            assert allowed
            assert not any(index in self.sent for index in range(start, stop))
            state = State.UNCHANGED if unchanged else State.SKIPPED_ZERO
            self.truth |= dict.fromkeys(range(start, stop), (state, None))

    @rule(orderly=st.booleans())
    def reopen(self, orderly):
        self.ledger.close() if orderly else self.tools.crash(self.ledger)
        self.ledger = Ledger.open(self.folder)

    @rule(size=st.integers(0, 80 + 400 * 40 - 1))
    def crash_and_cut(self, size):
        self.tools.crash(self.ledger)
        with (self.folder / TABLE_NAME).open("r+b") as file:
            file.truncate(size)
        self.forget(range(max(0, (size - 80) // 40), self.count))

    @rule(start=index, length=st.integers(1, 120))
    def machine_goes_down(self, start, length):
        """Pages that were never written back read as a hole."""
        self.tools.crash(self.ledger)
        with (self.folder / TABLE_NAME).open("r+b") as file:
            file.seek(80 + 40 * start)
            file.write(bytes(40 * min(length, self.count - start)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ledger_module, "boot_id", lambda: "another")
            self.forget(range(start, min(self.count, start + length)))

    def forget(self, indexes):
        self.ledger = Ledger.open(self.folder)
        self.weak = True
        for index in indexes:
            self.truth.pop(index, None)

    @precondition(lambda self: len(self.truth) > 20)
    @rule()
    def start_anew(self):
        self.attempt += 1
        self.ledger.restart(self.tools.make_header(self.count, attempt=self.attempt))
        self.tools.bind(self.ledger, f"snap-{self.attempt:x}")
        self.truth, self.sent, self.weak = {}, {}, False

    @invariant()
    def every_answer_is_safe(self):
        if not hasattr(self, "ledger"):
            return
        states = self.ledger.states(0, self.count)
        assert self.ledger.marks_lost == self.weak
        for index, state in enumerate(states.tolist()):
            true_state, digest = self.truth.get(index, (State.UNKNOWN, None))
            if state != State.LOST:
                assert state == true_state
            else:
                assert self.weak
            if state == State.ACKNOWLEDGED:
                assert self.ledger.digest(index) == digest == self.sent[index]
        states = self.ledger.states(0, self.count)
        assert not never_sent(states)[list(self.sent)].any()
        open_blocks = must_be_put(states)
        runs = [list(range(*run)) for run in self.ledger.sent_unacknowledged()]
        assert [index for run in runs for index in run] == np.flatnonzero(open_blocks).tolist()
        assert sum(self.ledger.counts()) == self.count
        if open_blocks.any():
            with pytest.raises(IntegrityError):
                self.ledger.linear()
        else:
            assert self.ledger.linear().changed_blocks_count == len(self.sent)

    def teardown(self):
        if hasattr(self, "ledger"):
            self.tools.crash(self.ledger)
            shutil.rmtree(self.folder)


def test_random_histories_never_lead_to_a_wrong_skip(tmp_path, tools, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("os.fdatasync", lambda _: None)
    machine = type("TheseHistories", (Histories,), {"root": tmp_path, "tools": tools})
    case = machine.TestCase()
    case.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, database=None)
    case.runTest()
