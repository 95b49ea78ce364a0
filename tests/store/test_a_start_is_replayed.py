"""A start whose answer nobody has: what other hosts may have put by its token counts as sent."""

import pytest

from bulkput.ledger.ledger import Ledger
from bulkput.ledger.mirror_record import MIRROR_NAME
from bulkput.ledger.record import State

BLOCKS = 10


@pytest.fixture
def begin(tools):
    def begin(one, *, then=None, **header):
        """Begin an upload that the store has, and no snapshot; another host takes it up then."""

        async def story():
            mirror = await one.held()
            with Ledger.create(one.folder, tools.make_header(BLOCKS, **header)):
                await mirror.cut(release=then is not None)
            if then is not None:
                await then.held()

        tools.virtual(story())

    return begin


def test_a_start_whose_answer_was_lost_is_replayed_by_the_other_host(begin, hosts, tools):
    one, two = hosts
    begin(one, then=two, client_token="mine")
    with Ledger.open(two.folder) as ledger:
        assert (ledger.header.client_token, ledger.header.snapshot_id) == ("mine", None)
        # A snapshot that had been started may have blocks that nobody knows of.
        tools.bind(ledger)
        assert not ledger.marks_lost
    with Ledger.open(two.folder) as ledger:
        assert not ledger.marks_lost


def test_blocks_of_a_replayed_start_count_as_sent(begin, hosts, tools):
    one, two = hosts
    begin(one, then=two)
    with Ledger.open(two.folder) as ledger:
        tools.bind(ledger, holds_unknown=True)
        assert set(ledger.states(0, BLOCKS)) == {State.LOST}


@pytest.mark.parametrize("record", ["whole", "torn"])
def test_another_host_may_have_gone_on_where_the_store_is_not_reached_any_more(
    begin, hosts, tools, record
):
    one, _ = hosts
    begin(one)
    if record == "torn":
        (one.folder / MIRROR_NAME).write_bytes(b"{")
    with Ledger.open(one.folder) as ledger:
        tools.bind(ledger, holds_unknown=True)
        assert set(ledger.states(0, BLOCKS)) == {State.LOST}
        assert not ledger.header.source_identity


@pytest.mark.parametrize("goes_on", [True, False])
def test_another_host_may_have_put_by_the_token_of_a_snapshot_that_is_known_here(
    begin, hosts, tools, goes_on
):
    one, two = hosts
    begin(one, then=two if goes_on else None)
    with Ledger.open(one.folder) as ledger:
        tools.bind(ledger)
        ledger.mark_acknowledged(1, tools.digest_of("1"))
        ledger.mark_skipped_zero(2, 5)
    tools.virtual(one.held())
    with Ledger.open(one.folder) as ledger:
        if not goes_on:
            assert list(ledger.states(1, 6)) == [State.ACKNOWLEDGED, *[State.SKIPPED_ZERO] * 3, 0]
            return
        # What was left out here may have been put there, as zeros too: all of it is put.
        tools.bind(ledger, holds_unknown=True)
        assert set(ledger.states(0, BLOCKS)) == {State.LOST}


def test_no_other_host_has_gone_on_with_what_no_store_had(hosts, tools):
    one, _ = hosts
    Ledger.create(one.folder, tools.make_header(BLOCKS)).close()
    with Ledger.open(one.folder) as ledger:
        tools.bind(ledger, holds_unknown=True)
        assert set(ledger.states(0, BLOCKS)) == {State.UNKNOWN}
        assert ledger.header.source_identity
