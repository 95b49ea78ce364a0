import asyncio

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.model.failure import FailureClass
from bulkput.model.progress import RateLimiter
from bulkput.pace.paced_bucket import LOOK_S
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pace.rate import TARGET_SHARE, RateController


def test_a_changed_ceiling_is_followed_at_once_both_ways():
    controller = RateController(1000)
    controller.set_ceiling(2500)
    assert controller.rate_puts_per_s == pytest.approx(2500 * TARGET_SHARE)
    controller.set_ceiling(400)
    assert controller.rate_puts_per_s == pytest.approx(400 * TARGET_SHARE)


def test_what_throttles_taught_is_kept_in_proportion():
    controller = RateController(1000)
    for n in range(100):
        controller.on_throttle(1.0 + n / 1000, 0.9 + n / 1000)
    found = controller.rate_puts_per_s
    assert found < 900
    controller.set_ceiling(2000)
    assert controller.rate_puts_per_s == pytest.approx(2 * found)
    assert controller.rate_puts_per_s < 2000 * TARGET_SHARE


def test_a_rate_that_was_cut_grows_to_the_new_ceiling_and_no_further():
    controller = RateController(1000)
    controller.on_throttle(1.0, 0.9)
    controller.set_ceiling(200)
    now_s = 1.0
    while now_s < 60:
        now_s += 1 / controller.rate_puts_per_s
        controller.on_ack(now_s, now_s - 0.1)
    assert controller.rate_puts_per_s == pytest.approx(200 * TARGET_SHARE)


def test_puts_follow_the_account_s_new_ceiling():
    async def count_puts():
        account = AccountPacer(100)
        clock = LoopClock()
        paced = Pacer(ceiling_puts_per_s=1e6, in_flight_max=10, account=account, clock=clock)
        counts = []

        async def put_for(duration_s):
            count, end_s = 0, clock.monotonic_s() + duration_s
            while clock.monotonic_s() < end_s:
                paced.settled(await paced.admit(), None)
                count += 1
            counts.append(count / duration_s)

        await put_for(10)
        account.set_ceiling(clock.monotonic_s(), 400)
        await put_for(10)
        account.set_ceiling(clock.monotonic_s(), 50)
        await put_for(10)
        paced.settled(await paced.admit(), FailureClass.THROTTLED_ACCOUNT)
        assert account.rate_puts_per_s < 50
        await asyncio.sleep(0)
        return counts

    assert run_virtual(count_puts()) == pytest.approx([100, 400, 50], rel=0.03)


@pytest.mark.parametrize("before", [50, 0.01, 100])  # 100: as it is afterwards
def test_a_ceiling_of_nothing_holds_all_back_and_a_raise_wakes_who_waits(before):
    async def times():
        account, clock, admitted = AccountPacer(before), LoopClock(), []
        pacers = [
            Pacer(ceiling_puts_per_s=1e6, in_flight_max=1000, account=account, clock=clock)
            for _ in range(3)
        ]

        async def put(paced):
            while len(admitted) < 200:
                paced.settled(await paced.admit(), None)
                admitted.append(clock.monotonic_s())

        putting = asyncio.gather(*(put(each) for each in pacers))
        await asyncio.sleep(1)
        account.set_ceiling(clock.monotonic_s(), 0)
        assert account.rate_puts_per_s == pacers[0].rate_puts_per_s == 0
        begun = len(admitted)
        await asyncio.sleep(3600)
        assert len(admitted) == begun, "puts at a rate of 0"
        assert pacers[0].limited_by in {None, RateLimiter.ACCOUNT_QUOTA}
        account.set_ceiling(clock.monotonic_s(), 100)
        await putting
        assert clock.monotonic_s() - 3601 == pytest.approx((200 - begun) / 100, abs=LOOK_S + 0.1)

    run_virtual(times())


def test_a_long_wait_wakes_once_and_ends_when_the_rate_changes():
    async def looks():
        account, clock = AccountPacer(1e6), LoopClock()
        paced = Pacer(ceiling_puts_per_s=1e-3, in_flight_max=10, account=account, clock=clock)
        looked_s, look = [], paced._paced.bucket.earliest_s

        def counted(now_s):
            looked_s.append(now_s)
            return look(now_s)

        for _ in range(2):  # all that a full bucket lets start
            paced.settled(await paced.admit(), None)
        paced._paced.bucket.earliest_s = counted
        paced.settled(await paced.admit(), None)
        assert len(looked_s) <= 3, "it was woken while nothing changed"
        began_s = clock.monotonic_s()
        assert began_s > 900
        waiting = asyncio.create_task(paced.admit())
        await asyncio.sleep(5)
        paced.set_ceiling(2e-3, 10)
        paced.set_ceiling(1.0, 10)
        await waiting
        assert clock.monotonic_s() - began_s == pytest.approx(5 + 1, abs=1)
        cancelled = asyncio.create_task(paced.admit())
        paced.set_ceiling(0, 10)
        await asyncio.sleep(5)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        paced.set_ceiling(1.0, 10)
        await asyncio.wait_for(paced.admit(), 2)

    run_virtual(looks())


def test_what_throttles_taught_outlives_a_ceiling_of_nothing():
    account = AccountPacer(1000)
    for n in range(100):
        account._paced.on_throttle(1.0 + n / 1000, 0.9 + n / 1000)
    found = account.rate_puts_per_s
    account.set_ceiling(2.0, 0)
    account.set_ceiling(2.2, 1000)
    assert account.rate_puts_per_s == pytest.approx(found)
