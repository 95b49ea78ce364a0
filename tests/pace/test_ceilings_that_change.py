import asyncio

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.model.failure import FailureClass
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
