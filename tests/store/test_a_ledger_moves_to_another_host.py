"""What one host knew, another one knows; what it does not know counts as sent."""

from dataclasses import replace

import numpy as np
import pytest

from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State
from bulkput.ledger.segments import SEGMENT_RECORDS, TableSegments
from bulkput.model.errors import LedgerError
from bulkput.store.cut import encode_cut

BLOCKS = 3 * SEGMENT_RECORDS
SOME = (0, 5, SEGMENT_RECORDS - 1, SEGMENT_RECORDS, 2 * SEGMENT_RECORDS + 7)


def marked(ledger, tools):
    for index in SOME:
        ledger.mark_acknowledged(index, tools.digest_of(index))
    ledger.mark_sent(9, tools.digest_of(9))
    ledger.mark_skipped_zero(100, 200)


def moved(hosts, tools, between=lambda: None):
    """Return the ledger that the second host opens."""
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            marked(ledger, tools)
            await mirror.cut(release=True)
        between()
        await two.held()

    tools.virtual(story())
    return Ledger.open(two.folder)


def test_marks_are_what_they_were_and_all_others_count_as_sent(hosts, tools):
    with moved(hosts, tools) as ledger:
        states = ledger.states(0, BLOCKS)
        assert np.flatnonzero(states == State.ACKNOWLEDGED).tolist() == list(SOME)
        assert ledger.digest(5) == tools.digest_of(5)
        assert states[9] == State.SENT
        assert set(states[100:200]) == {State.SKIPPED_ZERO}
        assert ledger.marks_lost
        assert np.count_nonzero(states == State.LOST) == BLOCKS - len(SOME) - 1 - 100
    assert "from s3://memory/states: 5 blocks acknowledged, 100 left out" in hosts[1].notes[0]
    assert "on one since" in hosts[1].notes[0]


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "another", "longer"])
def test_a_piece_that_is_damaged_costs_puts_and_no_wrong_skip(hosts, tools, store, damage):
    def spoil():
        names = [key for key in store.objects if not key.endswith(".json")]
        content, _, _ = store.objects[names[0]]
        if damage == "missing":
            del store.objects[names[0]]
            return
        store.store(
            names[0],
            {
                "cut": content[:-40],
                "changed": content[:10] + bytes([content[10] ^ 1]) + content[11:],
                "another": store.objects[names[1]][0],
                "longer": content + b"x",
            }[damage],
        )

    with moved(hosts, tools, spoil) as ledger:
        ledger.trust_unknown()  # not even then: these were known, and are not any more
        assert set(ledger.states(0, SEGMENT_RECORDS)) == {State.LOST}
        assert ledger.states(SEGMENT_RECORDS, SEGMENT_RECORDS + 1)[0] == State.ACKNOWLEDGED
    assert "1 of its pieces missing or damaged" in hosts[1].notes[0]


def test_only_what_changed_is_written_again(hosts, tools, store):
    one, _ = hosts

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            marked(ledger, tools)
            await mirror.cut()
            store.requests.clear()
            ledger.mark_acknowledged(SEGMENT_RECORDS + 1, tools.digest_of("new"))
            await mirror.cut()
        written = [key for operation, key in store.requests if operation == "put"]
        assert [key.split("/")[-1].split("-")[0] for key in written] == ["00001", "state.json"]
        assert sum(operation == "delete" for operation, _ in store.requests) == 1

    tools.virtual(story())
    assert len(store.objects) == 4  # three pieces and the cut


def test_a_piece_in_which_nothing_happens_is_read_ever_more_rarely(hosts, tools, monkeypatch):
    one, _ = hosts
    read = []
    real = TableSegments.read
    monkeypatch.setattr(
        TableSegments, "read", lambda self, number: read.append(number) or real(self, number)
    )

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            ledger.mark_skipped_zero(0, SEGMENT_RECORDS)  # settled
            ledger.mark_acknowledged(SEGMENT_RECORDS, tools.digest_of(1))  # holes behind it
            await mirror.cut()
            read.clear()
            for turn in range(16):
                ledger.mark_acknowledged(2 * SEGMENT_RECORDS + turn, tools.digest_of(turn))
                await mirror.cut()
            assert (read.count(0), read.count(2)) == (0, 16)
            assert 3 <= read.count(1) <= 6
            ledger.mark_acknowledged(SEGMENT_RECORDS + 1, tools.digest_of(2))
            await mirror.cut(release=True)
            assert read[-2:] == [1, 2]

    tools.virtual(story())


def test_a_new_attempt_takes_nothing_over_from_the_last_one(hosts, tools, store):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            marked(ledger, tools)
            await mirror.cut()
            ledger.restart(tools.make_header(BLOCKS, attempt=2, nonce="bb"))
            await mirror.cut()
            assert tools.cut(store).header().attempt == 2
            assert tools.cut(store).segments == {}
            tools.bind(ledger, "snap-0fedcba9876543210")
            ledger.mark_acknowledged(3, tools.digest_of(3))
            await mirror.cut(release=True)
        await two.held()

    tools.virtual(story())
    assert len(store.objects) == 2
    with Ledger.open(two.folder) as ledger:
        assert ledger.header.snapshot_id == "snap-0fedcba9876543210"
        assert ledger.counts().acknowledged == 1


def test_a_header_is_never_newer_than_the_marks_beside_it(hosts, tools, store):
    """A sealed ledger in the store has every mark: the count and the checksum come of them."""
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            real = store.put

            async def put(key, content, *, if_match=None, digest=None):
                if not key.endswith(".json") and ledger.header.phase is LedgerPhase.UPLOADING:
                    # While the pieces travel, the rest is put and the seal begins.
                    for index in range(10, 20):
                        ledger.mark_acknowledged(index, tools.digest_of(index))
                    ledger.enter(LedgerPhase.SEALING, now_unix_s=3.0)
                return await real(key, content, if_match=if_match)

            store.put = put
            ledger.mark_acknowledged(0, tools.digest_of(0))
            await mirror.cut()
            assert tools.cut(store).header().phase is LedgerPhase.UPLOADING
            await mirror.cut(release=True)
            wanted = ledger.linear()
        assert tools.cut(store).header().phase is LedgerPhase.SEALING
        await two.held()
        return wanted

    wanted = tools.virtual(story())
    with Ledger.open(two.folder) as ledger:
        ledger.trust_unknown()
        assert ledger.linear() == wanted


def test_an_interrupted_cut_leaves_the_former_one_whole(hosts, tools, store):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(BLOCKS)
        with ledger:
            marked(ledger, tools)
            await mirror.cut(release=True)
            for index in range(SEGMENT_RECORDS, SEGMENT_RECORDS + 50):
                ledger.mark_acknowledged(index, tools.digest_of(index))
            store.fails = [None, ConnectionError()]  # a piece is written, the cut is not
            with pytest.raises(ConnectionError):
                await mirror.cut(release=True)
        await two.held()

    tools.virtual(story())
    with Ledger.open(two.folder) as ledger:
        assert ledger.counts().acknowledged == len(SOME)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'{"format_version": 2, "program_version": "9.9"}',
            "format version 2, written by bulkput 9.9",
        ),
        (None, "format version 2, and this program reads version 1"),
    ],
)
def test_the_store_of_a_newer_version_is_refused_and_left_alone(
    hosts, tools, store, content, words
):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            await mirror.cut(release=True)
        key = f"uploads/{tools.name}/state.json"
        newer = content
        if newer is None:
            cut = tools.cut(store)
            text = cut.ledger.replace('"format_version": 1', '"format_version": 2')
            newer = encode_cut(replace(cut, ledger=text))
        store.store(key, newer)
        with pytest.raises(LedgerError, match=words):
            await two.held()
        assert store.objects[key][0] == newer

    tools.virtual(story())


def test_a_cut_that_is_damaged_is_replaced_by_who_has_a_ledger(hosts, tools, store):
    one, _ = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            ledger.mark_acknowledged(1, tools.digest_of(1))
            await mirror.cut(release=True)
        key = f"uploads/{tools.name}/state.json"
        store.store(key, store.objects[key][0].replace(b'"sequence": 2', b'"sequence": 3'))
        await (await one.held()).cut()

    tools.virtual(story())
    assert "the checksum does not match" in one.notes[0]
    assert tools.cut(store).acknowledged_blocks == 1
