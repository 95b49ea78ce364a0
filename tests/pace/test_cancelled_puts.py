"""Puts that are cancelled while they wait or as they are admitted lose no slot and no wake-up."""

import asyncio

import pytest
from pacers import pacer, settle_burst
from virtual_time import run_virtual

from bulkput.pace.pacer import AccountPacer


@pytest.mark.parametrize("stage", ["slot", "own bucket", "account's bucket", "queue", "fresh"])
def test_a_cancelled_put_gives_its_turn_to_the_next(stage):
    async def play():
        account = AccountPacer(2 if stage == "account's bucket" else 1e6)
        paced = pacer(
            puts_per_s=2 if stage == "own bucket" else 1000,
            in_flight_max=1 if stage == "slot" else 10,
            account=account,
        )
        await settle_burst(paced)
        held = [await paced.admit()]
        doomed = asyncio.create_task(paced.admit())
        after = asyncio.create_task(paced.admit())
        third = asyncio.create_task(paced.admit())
        if stage == "queue":
            doomed, after = after, doomed
        if stage != "fresh":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        assert paced.in_flight == 1
        paced.settled(held[0], None)
        paced.settled(await after, None)
        paced.settled(await third, None)
        assert paced.in_flight == 0
        paced.withdraw(await paced.admit())

    run_virtual(play())


@pytest.mark.parametrize("turns", range(12))
def test_a_put_cancelled_at_any_moment_of_a_hand_over_loses_nothing(turns):
    async def play():
        paced = pacer(puts_per_s=500, in_flight_max=1)
        held = await paced.admit()
        waiting = [asyncio.create_task(paced.admit()) for _ in range(3)]
        await asyncio.sleep(0.1)
        paced.settled(held, None)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting[0].cancel()
        for task in waiting:
            try:
                admission = await task
            except asyncio.CancelledError:
                assert task is waiting[0]
            else:
                paced.settled(admission, None)
        assert paced.in_flight == 0

    run_virtual(play())


def test_puts_cancelled_at_random_never_lose_a_slot_or_a_wake_up():
    async def play(rng):
        account = AccountPacer(300)
        volumes = [pacer(puts_per_s=200, in_flight_max=4, account=account) for _ in range(2)]
        admitted = 0

        async def put(paced):
            nonlocal admitted
            admission = await paced.admit()
            try:
                await asyncio.sleep(rng.uniform(0, 0.05))
            except asyncio.CancelledError:
                paced.withdraw(admission)
                raise
            admitted += 1
            paced.settled(admission, None)

        tasks = [asyncio.create_task(put(volumes[n % 2])) for n in range(300)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(rng.choice([0, 0, 0.001, 0.01]))
            rng.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [paced.in_flight for paced in volumes] == [0, 0]
        assert admitted == sum(not task.cancelled() for task in tasks)
        for paced in volumes:
            paced.withdraw(await paced.admit())

    from random import Random  # noqa: PLC0415 - beside its only use

    for seed in range(10):
        run_virtual(play(Random(seed)))
