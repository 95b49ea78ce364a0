"""No put starts once another may have the upload, whatever the next put waited for."""

import asyncio

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.pace import gate as gates
from bulkput.pace.gate import FENCE_LOOK_S, Fence, GateOfAll, OpenGate
from bulkput.pace.pacer import AccountPacer, Pacer


@pytest.fixture(autouse=True)
def virtual_boottime(monkeypatch):
    monkeypatch.setattr(gates, "boottime_s", lambda: asyncio.get_running_loop().time())


@pytest.mark.parametrize("slow", ["own", "account", "neither"])
def test_a_put_that_waits_for_its_turn_is_held_when_the_time_is_over(slow):
    async def live():
        clock, fence = LoopClock(), Fence(is_needed=True)
        paced = Pacer(
            ceiling_puts_per_s=0.3 if slow == "own" else 1000,
            in_flight_max=10,
            account=AccountPacer(0.3 if slow == "account" else 1000),
            clock=clock,
            gate=GateOfAll(OpenGate(), fence),
        )
        started = []

        async def put():
            while True:
                admission = await paced.admit()
                started.append(clock.monotonic_s())
                await asyncio.sleep(0.01)
                paced.settled(admission, None)

        putting = [asyncio.create_task(put()) for _ in range(3)]
        await asyncio.sleep(5)
        assert not started, "nothing is held yet"
        fence.hold_until(15.0)
        await asyncio.sleep(85)
        assert len(started) > 1
        assert all(5 <= at < 15 for at in started), started
        begun = len(started)
        fence.hold_until(100.0)
        await asyncio.sleep(FENCE_LOOK_S + 0.01 + (4 if slow != "neither" else 0))
        assert len(started) > begun
        for task in putting:
            task.cancel()
        await asyncio.gather(*putting, return_exceptions=True)

    run_virtual(live())


def test_a_fence_that_nobody_needs_is_open_for_ever():
    async def live():
        fence = Fence()
        fence.hold_until(-1.0)
        assert (fence.pause_s(), fence.until_s) == (0.0, float("inf"))

    run_virtual(live())
