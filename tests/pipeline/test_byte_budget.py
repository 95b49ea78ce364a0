"""The byte budget is exact, fair, and survives cancellation at every point."""

import asyncio

import pytest

from bulkput.pipeline.budget import ByteBudget


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_gets_more_than_there_is():
    budget = ByteBudget(10)
    await budget.acquire(7)
    waiting = asyncio.ensure_future(budget.acquire(4))
    await settle()
    assert not waiting.done()
    budget.release(1)
    await waiting
    assert budget.in_use_bytes == 10
    assert budget.peak_bytes == 10


async def test_a_request_that_can_never_fit_is_an_error_and_no_hang():
    with pytest.raises(ValueError, match="exceed"):
        await ByteBudget(10).acquire(11)


async def test_a_small_request_does_not_overtake_a_large_one():
    budget = ByteBudget(10)
    await budget.acquire(8)
    large = asyncio.ensure_future(budget.acquire(9))
    await settle()
    small = asyncio.ensure_future(budget.acquire(1))
    await settle()
    assert not small.done()
    budget.release(8)
    await asyncio.gather(large, small)
    assert budget.in_use_bytes == 10


async def test_a_cancelled_waiter_lets_the_next_one_pass():
    budget = ByteBudget(10)
    await budget.acquire(8)
    large = asyncio.ensure_future(budget.acquire(9))
    small = asyncio.ensure_future(budget.acquire(2))
    await settle()
    large.cancel()
    await settle()
    assert small.done()
    assert budget.in_use_bytes == 10


async def test_a_waiter_cancelled_at_the_moment_of_its_turn_gives_it_back():
    budget = ByteBudget(10)
    await budget.acquire(10)
    first = asyncio.ensure_future(budget.acquire(10))
    await settle()
    budget.release(10)  # grants, but first has not run yet
    first.cancel()
    await settle()
    assert first.cancelled()
    assert budget.in_use_bytes == 0


async def test_what_waits_for_more_than_a_lowered_limit_has_its_turn_alone():
    budget = ByteBudget(10)
    await budget.acquire(6)
    waiting = asyncio.ensure_future(budget.acquire(6))
    await settle()
    budget.resize(5)
    budget.release(5)
    await settle()
    assert not waiting.done()
    budget.release(1)
    await settle()
    assert waiting.done()
    assert budget.in_use_bytes == 6
