"""Of two hosts one has the upload: the other one waits, says who has it, or stops."""

import asyncio

import pytest

from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import LedgerError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.store.mirror import LostError

LEASE_S = 120.0


def outage():
    return ServiceError("PutObject", FailureClass.TRANSIENT, "no answer")


def test_who_is_alive_is_named_and_left_alone(hosts, tools, store):
    one, two = hosts

    async def story():
        keeper = one.keeper()
        await keeper.begin()
        with one.start(10):
            keeping = asyncio.create_task(keeper.run())
            await asyncio.sleep(3.0)
            with pytest.raises(LedgerError, match=r"already running: process \d+ on one since"):
                await two.held()
            assert asyncio.get_running_loop().time() < 3.0 + 2 * tools.interval_s
            keeping.cancel()
            assert await keeper.end() is None

    tools.virtual(story())
    assert "waiting up to 1m 57s" in two.notes[0]


def test_who_died_is_followed_when_the_lease_has_run_out(hosts, tools):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        ledger.mark_acknowledged(4, tools.digest_of(4))
        await mirror.cut()
        tools.crash(ledger)
        began_s = asyncio.get_running_loop().time()
        await two.held()
        return asyncio.get_running_loop().time() - began_s

    waited_s = tools.virtual(story())
    assert LEASE_S <= waited_s < LEASE_S + 2
    with Ledger.open(two.folder) as ledger:
        assert ledger.counts().acknowledged == 1


def test_who_said_goodbye_is_followed_at_once(hosts, tools):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            await mirror.cut(release=True)
        await two.held()
        assert asyncio.get_running_loop().time() < 1

    tools.virtual(story())


def test_a_rerun_on_the_same_host_waits_for_nobody_and_keeps_its_own(hosts, tools):
    one, _ = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        await mirror.cut()
        ledger.mark_acknowledged(7, tools.digest_of(7))  # the store does not know it
        tools.crash(ledger)
        await one.held()
        assert asyncio.get_running_loop().time() < 1

    tools.virtual(story())
    with Ledger.open(one.folder) as ledger:
        assert ledger.counts().acknowledged == 1
        assert not ledger.marks_lost


def test_who_was_taken_over_stops(hosts, tools, store):
    one, two = hosts

    async def story():
        keeper = one.keeper()
        await keeper.begin()
        with one.start(10):
            await keeper.cut_now()
            store.fails = [outage()]  # and then it is cut off for longer than the lease
            await keeper.cut_now()
            await asyncio.sleep(LEASE_S)
            await (await two.held()).cut()
            with pytest.raises(LostError, match="taken over: by s3://memory/states, process"):
                await keeper.run()
            assert await keeper.end() is None

    tools.virtual(story())
    assert tools.cut(store).writer.host == "two"


def test_who_comes_back_takes_what_the_other_has_done(hosts, tools):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        await mirror.cut(release=True)
        ledger.mark_acknowledged(1, tools.digest_of("one"))  # never in the store
        tools.crash(ledger)
        mirror = await two.held()
        with Ledger.open(two.folder) as ledger:
            ledger.mark_acknowledged(2, tools.digest_of("two"))
            await mirror.cut(release=True)
        await one.held()

    tools.virtual(story())
    with Ledger.open(one.folder) as ledger:
        assert ledger.counts().acknowledged == 1  # of one history, never of both
        assert ledger.digest(2) == tools.digest_of("two")
        assert ledger.marks_lost


def test_of_two_that_come_at_once_one_gets_it(hosts, tools, store):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            await mirror.cut(release=True)
        ends = await asyncio.gather(one.held(), two.held(), return_exceptions=True)
        errors = [end for end in ends if isinstance(end, Exception)]
        assert len(errors) <= 1
        assert all(isinstance(error, LedgerError) for error in errors), errors
        return [end for end in ends if not isinstance(end, Exception)]

    holders = tools.virtual(story())
    if len(holders) == 2:  # the second one waited until the first one's lease had run out
        with pytest.raises(LostError):
            tools.virtual(_one_of(holders, store, tools))


async def _one_of(holders, store, tools):
    for holder in holders:
        await holder.cut()


def test_a_store_that_fails_costs_a_warning_and_comes_back(hosts, tools, store):
    one, _ = hosts

    async def story():
        store.fails = [outage()]
        keeper = one.keeper()
        await keeper.begin()
        with one.start(10) as ledger:
            keeping = asyncio.create_task(keeper.run())
            await asyncio.sleep(1)
            ledger.mark_acknowledged(1, tools.digest_of(1))
            store.fails = [outage()] * 3
            await asyncio.sleep(3.5 * tools.interval_s)
            assert tools.cut(store).acknowledged_blocks == 0
            await asyncio.sleep(2 * tools.interval_s)
            keeping.cancel()
            return await keeper.end()

    assert tools.virtual(story()) is None
    assert tools.cut(store).acknowledged_blocks == 1
    assert [note.split(" ", 1)[1][:18] for note in one.notes] == [
        "cannot be used for",
        "can be written aga",
    ] * 2


def test_the_end_says_what_is_stale(hosts, tools, store):
    one, _ = hosts

    async def story():
        keeper = one.keeper()
        await keeper.begin()
        with one.start(10):
            await keeper.cut_now()
            await asyncio.sleep(600)
            store.fails = [outage()] * 9
            return await keeper.end()

    assert (
        "as it was 10m 00s ago, and another host would put what came since again"
        in tools.virtual(story())
    )


def test_a_run_that_began_without_the_store_does_not_overrun_who_has_it(hosts, tools, store):
    one, two = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            await mirror.cut(release=True)
        await (await two.held()).cut()
        store.fails = [outage()]
        keeper = one.keeper()
        await keeper.begin()
        with Ledger.open(one.folder), pytest.raises(LostError):
            await keeper.run()

    tools.virtual(story())


def test_an_attempt_that_was_given_up_and_came_late_is_known_as_ones_own(hosts, tools, store):
    one, _ = hosts

    async def story():
        mirror, ledger = await one.begin(10)
        with ledger:
            await mirror.cut()
            real = store.put

            async def unanswered(key, content, *, if_match=None, digest=None):
                await real(key, content, if_match=if_match)
                raise outage()

            store.put = unanswered
            with pytest.raises(ServiceError):
                await mirror.cut()
            store.put = real
            ledger.mark_acknowledged(1, tools.digest_of(1))
            await mirror.cut()

    tools.virtual(story())
    assert tools.cut(store).acknowledged_blocks == 1


def test_a_cut_that_was_removed_is_written_anew_with_all_its_pieces(hosts, tools, store):
    one, _ = hosts

    async def story():
        keeper = one.keeper()
        await keeper.begin()
        with one.start(10) as ledger:
            ledger.mark_acknowledged(1, tools.digest_of(1))
            keeping = asyncio.create_task(keeper.run())
            await asyncio.sleep(1)
            store.objects.clear()
            await asyncio.sleep(2.5 * tools.interval_s)
            keeping.cancel()
            assert await keeper.end() is None

    tools.virtual(story())
    assert len(store.objects) == 2
