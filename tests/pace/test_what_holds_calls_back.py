"""What is reported to hold calls back, by what they waited for."""

import asyncio

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.model.failure import FailureClass
from bulkput.model.progress import RateLimiter
from bulkput.pace.held_back import HeldBack
from bulkput.pace.pacer import AccountPacer, Pacer

CONFIGURATION, LINK = RateLimiter.CONFIGURATION, RateLimiter.LINK
QUOTA = RateLimiter.SNAPSHOT_QUOTA


@pytest.mark.parametrize(
    ("waits", "cpu_s", "expected"),
    [
        ({QUOTA: 0.9}, 0.2, QUOTA),
        ({CONFIGURATION: 0.9}, 1.0, CONFIGURATION),  # a busy processor that keeps the rate
        ({LINK: 0.9}, 0.2, LINK),
        ({RateLimiter.IN_FLIGHT_MAX: 0.9}, 0.2, RateLimiter.IN_FLIGHT_MAX),
        ({LINK: 0.9}, 0.9, RateLimiter.PROCESSOR),
        ({LINK: 0.1}, 0.9, RateLimiter.PROCESSOR),
        ({LINK: 0.35, QUOTA: 0.3}, 0.2, LINK),
        ({QUOTA: 0.1}, 0.2, RateLimiter.SOURCE),
        ({}, 0.0, RateLimiter.SOURCE),
        ({RateLimiter.WINDOW: 1.0}, 0.0, RateLimiter.WINDOW),
    ],
)
def test_the_verdict_of_a_second(waits, cpu_s, expected):
    cpu = iter([0.0, cpu_s, cpu_s])
    held_back = HeldBack(lambda: next(cpu))
    assert held_back.verdict(10.0) is None
    for limiter, spent_s in waits.items():
        held_back.waited(limiter, spent_s)
    assert held_back.verdict(10.5) is None
    assert held_back.verdict(11.0) is expected


def test_each_second_is_rated_by_itself():
    held_back = HeldBack()
    held_back.verdict(0.0)
    held_back.waited(LINK, 1.0)
    assert held_back.verdict(1.0) is LINK
    assert held_back.verdict(1.9) is LINK
    assert held_back.verdict(2.0) is RateLimiter.SOURCE


@pytest.mark.parametrize(
    ("snapshot_per_s", "account_per_s", "in_flight_max", "latency_s", "expected"),
    [
        (50, 1000, 100, 0.01, RateLimiter.CONFIGURATION),
        (1000, 50, 100, 0.01, RateLimiter.ACCOUNT_QUOTA),
        (1000, 1000, 4, 0.2, RateLimiter.IN_FLIGHT_MAX),
    ],
)
def test_a_pacer_reports_what_its_calls_waited_for(
    snapshot_per_s, account_per_s, in_flight_max, latency_s, expected
):
    async def main():
        paced = Pacer(
            ceiling_puts_per_s=snapshot_per_s,
            in_flight_max=in_flight_max,
            account=AccountPacer(account_per_s),
            clock=LoopClock(),
            limiter=RateLimiter.CONFIGURATION,
        )

        async def call():
            admission = await paced.admit()
            seen.append(paced.limited_by)
            await asyncio.sleep(latency_s)
            paced.settled(admission, None)

        seen = []
        async with asyncio.TaskGroup() as calls:
            for _ in range(300):
                calls.create_task(call())
        return seen, paced.allowed_by

    limited_by, allowed_by = run_virtual(main())
    assert limited_by[0] is None
    assert expected in limited_by
    is_account = expected is RateLimiter.ACCOUNT_QUOTA
    assert allowed_by is (expected if is_account else RateLimiter.CONFIGURATION)


def test_what_the_service_refuses_is_reported_as_such():
    async def main():
        paced = Pacer(
            ceiling_puts_per_s=1000, in_flight_max=9, account=AccountPacer(2000), clock=LoopClock()
        )
        before = paced.allowed_by
        paced.settled(await paced.admit(), FailureClass.THROTTLED_SNAPSHOT)
        return before, paced.allowed_by

    assert run_virtual(main()) == (QUOTA, RateLimiter.SNAPSHOT_THROTTLES)
