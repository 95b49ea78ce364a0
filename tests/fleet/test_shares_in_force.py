"""The process keeps to its share by itself, until the share has run out."""

import asyncio
import random
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.fleet.lease import Resource
from bulkput.fleet.protocol import SetShare
from bulkput.fleet.quota_share import QuotaShare
from bulkput.fleet.share_in_force import LOOK_S, Paced, ShareInForce
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.model.clock import LoopClock
from bulkput.pace.call_gate import SharedCallGate
from bulkput.pace.gate import Fence
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pace.rate import TARGET_SHARE

ALL = dict(zip(Resource, (1000.0, 500.0, 10.0, 8.0), strict=True))
SAFE = dict(zip(Resource, (10.0, 5.0, 0.1, 0.1), strict=True))


class Lanes:
    """Keeps the ceilings that it is given."""

    def __init__(self):
        self.ceilings = []

    def set_ceiling(self, kind, per_s):
        self.ceilings.append((kind, per_s))

    def held_s(self, kind, _):
        return {CallKind.PUTS: 3.0, CallKind.GETS: 1.0}[kind]


class Rig:
    """A process and the time that its share runs by, which may jump ahead of the loop's."""

    def __init__(self, message, lanes=None):
        clock = LoopClock()
        self.suspended_s = 0.0
        self.puts, self.gets = AccountPacer(1.0), AccountPacer(1.0)
        self.fence = Fence()
        context = SimpleNamespace(
            account=self.puts, get_account=self.gets, clock=clock, fence=self.fence
        )
        self.gates = {
            each: SharedCallGate(clock, random.Random(0))
            for each in (Resource.STARTS, Resource.COMPLETES)
        }
        self.share = ShareInForce(message, lambda: clock.monotonic_s() + self.suspended_s)
        self.share.pace(Paced(context, lanes, self.gates))

    def rates(self):
        paced = [each.rate_puts_per_s / TARGET_SHARE for each in (self.puts, self.gets)]
        return [*paced, *(gate._rate_per_s for gate in self.gates.values())]


def message(expires_s=20.0, lost_s=320.0, permit_until_s=20.0, number=1, amounts=ALL):
    share = QuotaShare(number, amounts, SAFE, expires_s=expires_s, lost_s=lost_s)
    return SetShare(share, permit_until_s)


def test_a_share_runs_out_in_the_process_though_nobody_says_so():
    async def live():
        rig = Rig(message())
        ending = asyncio.create_task(rig.share.until_lost())
        assert rig.rates() == pytest.approx([1000, 500, 10, 8])
        await asyncio.sleep(20 + LOOK_S)
        assert rig.rates() == pytest.approx([10, 5, 0, 0.1]), "no start: the permit ran out too"
        await asyncio.sleep(299)
        assert not ending.done()
        await asyncio.sleep(1 + LOOK_S)
        assert ending.done()
        assert rig.rates() == [0, 0, 0, 0]

    run_virtual(live())


def test_a_share_that_is_renewed_lasts_and_a_smaller_one_counts_at_once():
    async def live():
        rig = Rig(message())
        ending = asyncio.create_task(rig.share.until_lost())
        for second in range(2, 1000, 2):
            await asyncio.sleep(2)
            rig.share.set(message(second + 20, second + 320, second + 20, second))
        assert rig.rates() == pytest.approx([1000, 500, 10, 8])
        rig.share.set(message(2000, 3000, 2000, 9999, {Resource.PUTS: 1.5}))
        assert rig.rates() == pytest.approx([1.5, 0, 0, 0])
        ending.cancel()

    run_virtual(live())


def test_a_machine_that_was_suspended_for_an_hour_has_lost_its_share():
    async def live():
        rig = Rig(message())
        ending = asyncio.create_task(rig.share.until_lost())
        await asyncio.sleep(1)
        rig.suspended_s = 3600.0
        await asyncio.sleep(2 * LOOK_S)
        assert ending.done()
        assert rig.rates() == [0, 0, 0, 0]

    run_virtual(live())


def test_no_snapshot_is_started_without_a_permit_though_the_rest_goes_on():
    async def live():
        rig = Rig(message(permit_until_s=float("-inf")))
        assert rig.rates() == pytest.approx([1000, 500, 0, 8])

    run_virtual(live())


def test_with_lanes_all_processes_have_the_share_together():
    async def live():
        lanes = Lanes()
        rig = Rig(message(), lanes)
        for _ in range(3):
            rig.share.apply()
        given = [(CallKind.PUTS, 1000.0), (CallKind.GETS, 500.0)]
        assert lanes.ceilings == given, "the same again is nothing new"
        rig.share.set(message(number=2, amounts={Resource.PUTS: 0.0}))
        assert lanes.ceilings == [*given, (CallKind.PUTS, 0.0), (CallKind.GETS, 0.0)]
        assert rig.puts.rate_puts_per_s == pytest.approx(TARGET_SHARE), "the pool divides, not this"

    run_virtual(live())


def test_how_long_calls_waited_for_the_share_is_that_of_all_processes():
    async def live():
        unpaced = ShareInForce(message(), lambda: 0.0)
        assert unpaced.held_s() == {}
        rig = Rig(message(amounts={Resource.PUTS: 0.0}))
        pacer = Pacer(ceiling_puts_per_s=1000, in_flight_max=9, account=rig.puts, clock=LoopClock())
        waiting = asyncio.create_task(pacer.admit())
        await asyncio.sleep(3.1)
        assert rig.share.held_s() == pytest.approx({Resource.PUTS: 3.1, Resource.GETS: 0})
        waiting.cancel()
        with_lanes = Rig(message(), Lanes())
        assert with_lanes.share.held_s() == {Resource.PUTS: 3, Resource.GETS: 1}

    run_virtual(live())


def test_nothing_may_be_used_before_there_is_a_share():
    async def live():
        rig = Rig(SetShare(QuotaShare(), float("-inf")))
        assert rig.rates() == [0, 0, 0, 0]
        assert not rig.share.is_lost

    run_virtual(live())


def test_nothing_is_started_or_sealed_while_another_may_have_the_upload():
    async def live():
        rig = Rig(message())
        rig.fence.__init__(is_needed=True)
        ending = asyncio.create_task(rig.share.until_lost())
        await asyncio.sleep(2 * LOOK_S)
        assert rig.rates() == pytest.approx([1000, 500, 0, 0]), "puts are held by the fence itself"
        rig.fence.hold_until(float("inf"))
        await asyncio.sleep(2 * LOOK_S)
        assert rig.rates() == pytest.approx([1000, 500, 10, 8])
        ending.cancel()

    run_virtual(live())
