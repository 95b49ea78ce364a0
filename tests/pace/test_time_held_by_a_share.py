"""How long calls waited for a share of a rate, and for nothing else: the next share goes by it."""

import asyncio

import pytest
from pacers import now_s, pacer, virtual

from bulkput.model.clock import LoopClock
from bulkput.model.progress import RateLimiter
from bulkput.pace.gate import Fence
from bulkput.pace.paced_bucket import PacedBucket
from bulkput.pace.pacer import AccountPacer, Pacer


async def put_for(paced, seconds, *, latency_s=0.01, uploaders=8):
    """Put with all uploaders for a time."""

    async def upload():
        while True:
            admission = await paced.admit()
            await asyncio.sleep(latency_s)
            paced.settled(admission, None)

    tasks = [asyncio.create_task(upload()) for _ in range(uploaders)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("rate", [0.2, 1, 4, 50])
def test_a_share_that_is_used_up_holds_calls_all_the_time(rate):
    @virtual
    async def play():
        account = AccountPacer(rate)
        await put_for(pacer(account=account), 20)
        first_puts_s = 2 * 0.01
        assert account.held_s(now_s()) == pytest.approx(20, abs=first_puts_s)

    play()


@virtual
async def test_a_call_that_waits_for_nothing_reads_the_clock_once_for_each_bucket():
    reads = []

    class Counting(LoopClock):
        def monotonic_s(self):
            reads.append(1)
            return super().monotonic_s()

    bucket = PacedBucket(1000.0, RateLimiter.SNAPSHOT_QUOTA, RateLimiter.SNAPSHOT_THROTTLES)
    await bucket.wait(Counting())
    assert (len(reads), bucket.held_s(now_s())) == (1, 0.0)


@virtual
async def test_a_call_that_waits_where_nothing_may_start_counts_while_it_waits():
    account = AccountPacer(100)
    account.set_ceiling(0.0, 0.0)
    paced = pacer(account=account)
    seen = []
    waiting = asyncio.create_task(paced.admit())
    for _ in range(4):
        await asyncio.sleep(1.01)
        seen.append(account.held_s(now_s()))
    assert seen == pytest.approx([1.01, 2.02, 3.03, 4.04])
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(5)
    assert account.held_s(now_s()) < 4.1, "nobody waits"


@virtual
async def test_a_slot_that_is_waited_for_is_no_share():
    account = AccountPacer(100)
    await put_for(pacer(account=account, in_flight_max=1), 10, latency_s=0.1)
    assert account.held_s(now_s()) < 0.1


@virtual
async def test_a_snapshot_s_quota_that_is_waited_for_is_not_the_account_s_share():
    account = AccountPacer(100)
    paced = pacer(puts_per_s=5, account=account)
    await put_for(paced, 10)
    assert account.held_s(now_s()) < 0.1
    assert paced.held_s(now_s()) == pytest.approx(10, abs=0.5)


@virtual
async def test_a_closed_gate_that_is_waited_for_is_no_share():
    account, fence = AccountPacer(100), Fence(is_needed=True)
    paced = Pacer(
        ceiling_puts_per_s=100, in_flight_max=9, account=account, clock=LoopClock(), gate=fence
    )
    await put_for(paced, 10)
    assert (account.held_s(now_s()), paced.held_s(now_s())) == (0.0, 0.0)


@virtual
async def test_volumes_that_share_one_bucket_wait_for_it_once():
    account = AccountPacer(10)
    await asyncio.gather(*(put_for(pacer(account=account), 10) for _ in range(3)))
    assert account.held_s(now_s()) == pytest.approx(10, abs=0.1)
