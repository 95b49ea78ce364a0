import asyncio

import pytest
from pacers import now_s, pacer, settle_burst, virtual
from virtual_time import DeadlockError, run_virtual

from bulkput.model.failure import FailureClass
from bulkput.pace.opening import FIRST_PUTS
from bulkput.pace.pacer import AccountPacer


@virtual
async def test_puts_start_at_the_rate():
    paced = pacer(puts_per_s=100, in_flight_max=10)
    starts = []
    for _ in range(500):
        admission = await paced.admit()
        starts.append(admission.sent_s)
        paced.withdraw(admission)
    assert starts == sorted(starts)
    assert len(starts) / (starts[-1] - starts[0]) == pytest.approx(99.5, rel=0.01)
    for start_s in starts:
        assert sum(start_s <= at_s < start_s + 1 for at_s in starts) <= 102


@virtual
async def test_no_more_puts_are_in_flight_than_the_limit_allows():
    paced = pacer(in_flight_max=3)
    paced.settled(await paced.admit(), None)
    held = [await paced.admit() for _ in range(3)]
    waiting = asyncio.create_task(paced.admit())
    await asyncio.sleep(1)
    assert not waiting.done()
    assert (paced.in_flight, paced._in_flight_controller.limit) == (3, 3)
    paced.settled(held[0], None)
    await waiting
    assert paced.in_flight == 3


@virtual
async def test_waiting_puts_are_admitted_in_the_order_of_asking():
    paced = pacer(puts_per_s=50, in_flight_max=2)
    order = []

    async def put(number):
        admission = await paced.admit()
        order.append(number)
        await asyncio.sleep(0.03)
        paced.settled(admission, None)

    await asyncio.gather(*(put(number) for number in range(40)))
    assert order == list(range(40))


@virtual
async def test_a_put_that_asks_while_others_wait_does_not_overtake():
    paced = pacer(in_flight_max=1)
    held = await paced.admit()
    first = asyncio.create_task(paced.admit())
    await asyncio.sleep(0)
    paced.settled(held, None)
    second = asyncio.create_task(paced.admit())
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {first}
    second.cancel()


@virtual
async def test_a_throttle_of_the_snapshot_slows_the_snapshot_alone():
    account = AccountPacer(1000)
    paced, other = pacer(account=account), pacer(account=account)
    paced.settled(await paced.admit(), FailureClass.THROTTLED_SNAPSHOT)
    assert paced.rate_puts_per_s < 960
    assert other.rate_puts_per_s == account.rate_puts_per_s == 995


@virtual
async def test_a_throttle_of_the_account_slows_every_volume():
    account = AccountPacer(1000)
    paced, other = pacer(account=account), pacer(account=account)
    paced.settled(await paced.admit(), FailureClass.THROTTLED_ACCOUNT)
    assert other.rate_puts_per_s == paced.rate_puts_per_s == account.rate_puts_per_s < 960


@virtual
async def test_a_throttle_does_not_cut_the_puts_in_flight():
    paced = pacer(in_flight_max=1000)
    for _ in range(200):
        admission = await paced.admit()
        await asyncio.sleep(0.01)
        paced.settled(admission, FailureClass.THROTTLED_SNAPSHOT)
    assert paced._in_flight_controller.limit == FIRST_PUTS


@virtual
async def test_nothing_runs_while_puts_wait_for_a_slot():
    paced = pacer(in_flight_max=1)
    await paced.admit()
    waiting = asyncio.create_task(paced.admit())
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not loop._ready
    assert not loop._scheduled
    waiting.cancel()


def test_a_slot_that_never_comes_back_is_seen_as_a_deadlock_by_the_virtual_loop():
    async def play():
        paced = pacer(in_flight_max=1)
        await paced.admit()
        await paced.admit()

    with pytest.raises(DeadlockError):
        run_virtual(play())


@virtual
async def test_waiting_for_the_bucket_sleeps_and_does_not_spin():
    paced = pacer(puts_per_s=10, in_flight_max=10)
    await settle_burst(paced)
    sleeps = []
    clock = paced._clock

    class Counting:
        def monotonic_s(self):
            return clock.monotonic_s()

        async def sleep(self, delay_s):
            sleeps.append(delay_s)
            await clock.sleep(delay_s)

    paced._clock = Counting()
    for _ in range(50):
        paced.withdraw(await paced.admit())
    assert len(sleeps) <= 51
    assert min(sleeps) >= 0.001


@virtual
async def test_late_wake_ups_cost_neither_bucket_any_rate():
    paced = pacer(account_puts_per_s=1000, in_flight_max=100)
    clock = paced._clock

    class Late:
        def monotonic_s(self):
            return clock.monotonic_s()

        async def sleep(self, delay_s):
            await clock.sleep(delay_s + 0.03)

    paced._clock = Late()
    count = 0

    async def put():
        nonlocal count
        while now_s() < 10:
            paced.withdraw(await paced.admit())
            count += 1
            await asyncio.sleep(0.01)

    await asyncio.gather(*(put() for _ in range(100)))
    assert count >= 0.98 * 10_000


@virtual
async def test_a_hungry_volume_takes_what_another_leaves_of_the_account():
    account = AccountPacer(600)
    hungry, modest = (pacer(account=account) for _ in range(2))
    counts = {hungry: 0, modest: 0}

    async def put(paced, pause_s):
        while now_s() < 20:
            admission = await paced.admit()
            counts[paced] += 1
            paced.withdraw(admission)
            await asyncio.sleep(pause_s)

    await asyncio.gather(put(hungry, 0), put(modest, 0.01))
    assert counts[modest] / 20 == pytest.approx(100, rel=0.2)
    assert sum(counts.values()) / 20 == pytest.approx(597, rel=0.02)


@virtual
async def test_three_hungry_volumes_get_equal_shares_of_the_account():
    account = AccountPacer(300)
    volumes = [pacer(account=account) for _ in range(3)]
    counts = [0, 0, 0]

    async def put(number):
        while now_s() < 20:
            volumes[number].withdraw(await volumes[number].admit())
            counts[number] += 1

    await asyncio.gather(*(put(number) for number in (0, 0, 0, 0, 1, 2)))
    assert max(counts) - min(counts) <= 10
