"""Calls that each process makes once keep to the rate of all together."""

import asyncio
import random

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.pace.call_gate import RARE_CALLS_PER_S, SharedCallGate, gate_of_share
from bulkput.pace.gate import OpenCallGate
from bulkput.pace.paced_bucket import LOOK_S


def gates(count, rate, seed=0):
    made = [SharedCallGate(LoopClock(), random.Random(seed + n)) for n in range(count)]
    for gate in made:
        gate.set_rate(rate)
    return made


async def admitted(gate, found):
    await gate.admit()
    found.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize("seed", range(5))
def test_ninety_that_wait_together_start_as_many_a_second_as_their_rates_add_up_to(seed):
    async def ask_all():
        found, waiting = [], gates(90, 10 / 90, 100 * seed)

        async def share_anew():
            while len(found) < 90:
                for gate in waiting:
                    gate.set_rate(10 / (90 - len(found)))
                await asyncio.sleep(0.1)

        await asyncio.gather(*(admitted(gate, found) for gate in waiting), share_anew())
        return sorted(found)

    found = run_virtual(ask_all())
    assert found[-1] == pytest.approx(9, abs=3)
    worst = max(sum(start <= each < start + 1 for each in found) for start in found)
    assert worst <= 25, "all at once"


def test_one_that_is_alone_hardly_waits():
    async def ask():
        found = []
        for gate in gates(100, 10.0):
            before_s = asyncio.get_running_loop().time()
            assert await gate.admit() == asyncio.get_running_loop().time() - before_s
            found.append(asyncio.get_running_loop().time() - before_s)
        return sum(found) / len(found)

    assert run_virtual(ask()) == pytest.approx(0.1, rel=0.3)


def test_nothing_starts_at_a_rate_of_nothing_and_a_raise_is_heard_soon():
    async def ask():
        (gate,), found = gates(1, 0.0), []
        asking = asyncio.create_task(admitted(gate, found))
        await asyncio.sleep(3600)
        assert not found
        gate.set_rate(1e9)
        await asyncio.sleep(2 * LOOK_S)
        assert found
        await asking

    run_virtual(ask())


def test_nothing_is_saved_up_while_nobody_waits():
    async def ask():
        waits = []
        for gate in gates(200, 1.0):
            await asyncio.sleep(100)
            waits.append(await gate.admit())
        return sum(waits) / len(waits)

    assert run_virtual(ask()) == pytest.approx(1.0, rel=0.2)


def test_a_rate_that_was_lowered_meanwhile_counts_as_lowered():
    async def ask():
        (gate,), found = gates(1, 1e-6), []
        asking = asyncio.create_task(admitted(gate, found))
        for _ in range(1000):  # high only between two looks
            await asyncio.sleep(LOOK_S * 0.4)
            gate.set_rate(1e9)
            await asyncio.sleep(LOOK_S * 0.2)
            gate.set_rate(1e-6)
            await asyncio.sleep(LOOK_S * 0.4)
        asking.cancel()
        assert not found

    run_virtual(ask())


def test_an_open_gate_holds_nobody():
    async def ask():
        return await OpenCallGate().admit()

    assert run_virtual(ask()) == 0.0


def test_a_rate_that_is_taken_away_during_a_wait_holds_it_back():
    async def ask():
        (gate,), found = gates(1, 10.0), []
        asking = asyncio.create_task(admitted(gate, found))
        await asyncio.sleep(0.001)
        gate.set_rate(0.0)
        await asyncio.sleep(3600)
        assert not found
        gate.set_rate(10.0)
        await asking

    run_virtual(ask())


def test_calls_of_one_process_wait_one_after_another():
    async def ask():
        (gate,), found = gates(1, 1.0), []
        await asyncio.gather(*(admitted(gate, found) for _ in range(200)))
        return found[-1]

    assert run_virtual(ask()) == pytest.approx(200, rel=0.3)


def test_forty_shares_start_as_many_a_second_as_one_that_has_all_may():
    async def ask_all():
        found = []
        waiting = [gate_of_share(1 / 40, LoopClock(), random.Random(n)) for n in range(40)]

        async def ask(gate):
            for _ in range(5):
                await admitted(gate, found)

        await asyncio.gather(*map(ask, waiting))
        assert isinstance(gate_of_share(1.0, LoopClock(), random.Random(0)), OpenCallGate)
        return sorted(found)

    found = run_virtual(ask_all())
    steady = [each for each in found if each <= 15]  # then the first have made all of theirs
    assert len(steady) / 15 == pytest.approx(RARE_CALLS_PER_S, rel=0.25)
