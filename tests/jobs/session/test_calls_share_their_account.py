"""Calls at once in one event loop take their turns at one bucket of the account."""

import asyncio
import gc
from types import SimpleNamespace

from bulkput.jobs.session.account_pacer import account_pacer


class Keys:
    def __init__(self, access_key):
        self._access_key = access_key

    async def current(self):
        return SimpleNamespace(access_key=self._access_key)


def service(access_key="AKIA1", region="eu-west-1", url="https://ebs.example"):
    return SimpleNamespace(credentials=Keys(access_key), region=region, endpoint_url=url)


async def test_the_same_account_is_one_bucket_and_every_other_is_another():
    first = await account_pacer(service(), "puts", 1000.0)
    assert await account_pacer(service(), "puts", 1000.0) is first
    others = [
        await account_pacer(service(), "gets", 1000.0),
        await account_pacer(service(), "puts", 500.0),
        await account_pacer(service("AKIA2"), "puts", 1000.0),
        await account_pacer(service(region="us-west-2"), "puts", 1000.0),
        await account_pacer(service(url="https://other.example"), "puts", 1000.0),
    ]
    assert len({id(each) for each in [first, *others]}) == 6


def test_another_event_loop_has_its_own():
    async def bucket():
        return await account_pacer(service(), "puts", 1000.0)

    with asyncio.Runner() as one, asyncio.Runner() as other:
        first = one.run(bucket())
        assert other.run(bucket()) is not first


async def test_a_bucket_goes_with_the_last_call_that_has_it():
    bucket = await account_pacer(service(), "puts", 1000.0)
    bucket.set_ceiling(0.0, 5.0)
    del bucket
    gc.collect()
    assert (await account_pacer(service(), "puts", 1000.0)).rate_puts_per_s > 500.0
