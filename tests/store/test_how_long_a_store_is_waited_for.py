"""A store that does not answer keeps a step of an upload once; a spot notice leaves more time."""

import asyncio
import contextlib
import random

import pytest

from bulkput.jobs.session.repeated_store import CALL_LIMIT_S, RepeatedStore
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier
from bulkput.store.keeper import END_LIMIT_S, NOTICE_LIMIT_S, SOON_LIMIT_S


def error(failure):
    return ServiceError("PutObject", failure, "as told")


class Slow:
    """Passes calls on after a while; silent ones fail after that."""

    shown = "s3://memory/states"

    def __init__(self, store, after_s, failure=None):
        self.store = store
        self.after_s = after_s
        self.failure = failure
        self.calls = 0

    async def recover(self, error):
        pass

    def __getattr__(self, name):
        async def call(*args, **options):
            self.calls += 1
            await asyncio.sleep(self.after_s)
            if self.failure is not None:
                raise error(self.failure)
            return await getattr(self.store, name)(*args, **options)

        return call


def repeated(slow):
    retrier = Retrier(
        clock=LoopClock(), random=random.Random(1), recovery=slow, deadline_s=CALL_LIMIT_S
    )
    return RepeatedStore(slow, retrier)


async def seconds(work):
    """Return how long ``work`` takes, whatever becomes of it."""
    began_s = asyncio.get_running_loop().time()
    with contextlib.suppress(ServiceError):
        await work
    return asyncio.get_running_loop().time() - began_s


@pytest.mark.parametrize(
    "failure", [FailureClass.STALLED, FailureClass.TRANSIENT], ids=lambda each: each.name
)
def test_who_does_not_answer_is_asked_once_for_all_that_follows(store, tools, failure):
    slow = Slow(store, 4.0, failure)

    async def story():
        objects = repeated(slow)
        took_s = [await seconds(objects.get("a", size_max_bytes=9)) for _ in range(3)]
        took_s.append(await seconds(objects.put("a", memoryview(b"1"))))
        assert (took_s, slow.calls) == ([4.0, 0.0, 0.0, 0.0], 1)
        await asyncio.sleep(30.0)
        slow.failure, slow.after_s = None, 0.0
        await objects.put("a", memoryview(b"1"))

    tools.virtual(story())
    assert store.objects["a"][0] == b"1"


def test_who_answers_with_failures_is_repeated_until_the_limit(store, tools):
    slow = Slow(store, 0.01, FailureClass.TRANSIENT)

    async def story():
        assert await seconds(repeated(slow).get("a", size_max_bytes=9)) <= CALL_LIMIT_S + 0.01

    tools.virtual(story())
    assert slow.calls > 2


def test_who_is_slow_is_waited_for(store, tools):
    async def story():
        objects = repeated(Slow(store, 2.0))
        await objects.put("a", memoryview(b"1"))
        assert (await objects.get("a", size_max_bytes=9)).content == b"1"

    tools.virtual(story())


def test_what_is_cancelled_while_the_store_is_silent_counts_as_not_answered(store, tools):
    async def story():
        objects = repeated(Slow(store, 3600.0))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON_LIMIT_S):
                await objects.get("a", size_max_bytes=9)
        assert await seconds(objects.get("a", size_max_bytes=9)) == 0.0

    tools.virtual(story())


def test_what_is_cancelled_early_says_nothing_of_the_store(store, tools):
    async def story():
        slow = Slow(store, 1.0)
        objects = repeated(slow)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await objects.put("a", memoryview(b"1"))
        store.fails = [error(FailureClass.TRANSIENT)]
        await objects.put("a", memoryview(b"1"))  # repeated, as ever

    tools.virtual(story())


def test_what_is_cancelled_among_failures_is_not_repeated_at_the_next_step(store, tools):
    async def story():
        slow = Slow(store, 0.01, FailureClass.TRANSIENT)
        objects = repeated(slow)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await objects.get("a", size_max_bytes=9)
        slow.calls = 0
        await seconds(objects.get("a", size_max_bytes=9))
        assert slow.calls == 1

    tools.virtual(story())


def ended(host, tools, *, after_s, is_notice, fails=0):
    """Return whether the last cut was made, and how long that took, of a store that is slow."""
    store = host.store

    async def story():
        keeper = host.keeper()
        await keeper.begin()
        with host.start(10) as ledger:
            await keeper.cut_now()
            ledger.mark_acknowledged(1, tools.digest_of(1))
            host.store.fails = [error(FailureClass.TRANSIENT)] * fails
            slow_down(store, after_s)
            if is_notice:
                host.end_time.extend()
            began_s = asyncio.get_running_loop().time()
            stale = await keeper.end()
            return stale, asyncio.get_running_loop().time() - began_s

    stale, took_s = tools.virtual(story())
    assert (stale is None) == (tools.cut(store).acknowledged_blocks == 1)
    return stale is None, took_s


def slow_down(store, after_s):
    put = store.put

    async def slow(*args, **options):
        await asyncio.sleep(after_s)
        return await put(*args, **options)

    store.put = slow


def test_a_last_cut_has_the_time_that_is_left(hosts, tools):
    is_made, took_s = ended(hosts[0], tools, after_s=15.0, is_notice=False)
    assert (is_made, took_s) == (False, END_LIMIT_S)


def test_after_a_spot_notice_it_has_half_of_the_two_minutes(hosts, tools):
    is_made, took_s = ended(hosts[0], tools, after_s=15.0, is_notice=True)
    assert is_made
    assert END_LIMIT_S < took_s < NOTICE_LIMIT_S


def test_and_is_tried_again(hosts, tools):
    assert ended(hosts[0], tools, after_s=0.1, is_notice=True, fails=5)[0]


def test_and_without_a_notice_it_is_not(hosts, tools):
    assert not ended(hosts[0], tools, after_s=0.1, is_notice=False, fails=1)[0]


@pytest.mark.parametrize(("after_s", "fails"), [(3600.0, 0), (0.1, 999)], ids=["silent", "fails"])
def test_and_ends_in_time_whatever_the_store_does(hosts, tools, after_s, fails):
    is_made, took_s = ended(hosts[0], tools, after_s=after_s, is_notice=True, fails=fails)
    assert not is_made
    assert took_s <= NOTICE_LIMIT_S
