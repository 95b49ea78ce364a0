"""One that cannot renew its lease knows in time that another may have the upload."""

import asyncio

import pytest

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.store.keeper import STORE_CLOCK_S

LEASE_S = 120.0


@pytest.fixture(autouse=True)
def virtual_boottime(monkeypatch):
    monkeypatch.setattr(
        "bulkput.store.keeper.boottime_s", lambda: asyncio.get_running_loop().time()
    )


def test_it_ends_before_any_other_host_can_take_the_upload(hosts, tools, store):
    one, two = hosts
    until_s = []

    async def story():
        keeper = one.keeper(on_held=until_s.append)
        await keeper.begin()
        with one.start(10):
            keeping = asyncio.create_task(keeper.run())
            await asyncio.sleep(100)
            assert until_s[-1] == 90 + LEASE_S - STORE_CLOCK_S
            store.fails = [ServiceError("PutObject", FailureClass.TRANSIENT, "no answer")] * 1000
            last_s = until_s[-1]
            await asyncio.sleep(30)
            keeping.cancel()
            store.fails = []
            await two.held()
            return last_s, asyncio.get_running_loop().time()

    last_s, taken_s = tools.virtual(story())
    assert until_s[-1] == last_s, "a cut that failed renews nothing"
    assert last_s < taken_s < last_s + 3


def test_nothing_is_held_by_one_that_never_reached_the_store(hosts, tools, store):
    until_s = []

    async def story():
        store.fails = [ServiceError("PutObject", FailureClass.TRANSIENT, "no answer")] * 100
        keeper = hosts[0].keeper(on_held=until_s.append)
        await keeper.begin()
        with hosts[0].start(10):
            keeping = asyncio.create_task(keeper.run())
            await asyncio.sleep(300)
            assert not until_s
            store.fails = []
            await asyncio.sleep(60)
            assert until_s
            keeping.cancel()

    tools.virtual(story())


def test_the_cut_that_lets_others_have_the_upload_holds_nothing(hosts, tools):
    until_s = []

    async def story():
        keeper = hosts[0].keeper(on_held=until_s.append)
        await keeper.begin()
        with hosts[0].start(10):
            await keeper.cut_now()
            held = list(until_s)
            await asyncio.sleep(5)
            assert await keeper.end() is None
            return held

    assert tools.virtual(story()) == until_s
