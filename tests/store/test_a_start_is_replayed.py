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


def test_no_other_host_has_gone_on_with_what_no_store_had(hosts, tools):
    one, _ = hosts
    Ledger.create(one.folder, tools.make_header(BLOCKS)).close()
    with Ledger.open(one.folder) as ledger:
        tools.bind(ledger, holds_unknown=True)
        assert set(ledger.states(0, BLOCKS)) == {State.UNKNOWN}
        assert ledger.header.source_identity
