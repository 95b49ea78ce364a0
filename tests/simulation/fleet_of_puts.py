"""Puts of a fleet, one by one, against the emulator's bucket: what is accepted in each second.

The real keepers of leases, shares, pacers and the emulator's quotas on virtual time. Of machines
there are latencies, timers that are late, a service that stands still for a moment now and then,
and the seconds that a process takes to start and a snapshot to seal.
"""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from support.fleet_actors import Handle, Quota, order
from virtual_time import run_virtual

from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.quotas import Quotas
from bulkput.fleet.lease import Resource
from bulkput.fleet.lease_keeper import LeaseKeeper
from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.share_in_force import Paced, ShareInForce
from bulkput.fleet.volume_process import COUNTS_S
from bulkput.model.clock import LoopClock
from bulkput.model.failure import FailureClass
from bulkput.model.progress import Phase, Progress
from bulkput.pace.call_gate import SharedCallGate
from bulkput.pace.gate import Fence
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pace.retry import decide

PUT = "PutSnapshotBlock"
UPLOADERS = 24
LATENCY_S = (0.02, 0.08)
MESSAGE_S = 0.003
LATE_S = 0.003
"""Mean lateness of a timer."""
STALL_EVERY_S, STALL_S = 5.0, 0.06
"""The service stands still: means of the time between and of the time that it takes."""
STARTS_S = (1.5, 4.0)
"""A process, its imports and its ledger."""
SEALS_S = (0.3, 2.0)
NEXT_S = 1.0
"""Until the driver starts the next volume."""


class LateClock(LoopClock):
    """Wakes a little late, as loops on busy machines do."""

    def __init__(self, chance):
        super().__init__()
        self._random = chance

    async def sleep(self, delay_s):
        await asyncio.sleep(delay_s + self._random.expovariate(1 / LATE_S))


class Machine:
    """Between the volumes and the account's bucket, and what became of each put."""

    def __init__(self, chance, quota):
        self.random = chance
        self.stalls = random.Random(chance.random())
        self.quotas = Quotas(EmulatorOptions(root=Path(), puts_per_s_account=quota))
        self.accepted_s, self.throttled_s = [], []
        self._stalls = []
        self._stalls_until_s = 0.0

    def _stalled_until_s(self, now_s):
        while self._stalls_until_s <= now_s:
            start_s = self._stalls_until_s + self.stalls.expovariate(1 / STALL_EVERY_S)
            self._stalls_until_s = start_s + self.stalls.expovariate(1 / STALL_S)
            self._stall = start_s, self._stalls_until_s
        start_s, end_s = self._stall
        return end_s if start_s <= now_s else now_s

    async def put(self):
        """Return whether it is accepted."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.random.uniform(0.001, 0.005))
        await asyncio.sleep(self._stalled_until_s(loop.time()) - loop.time())
        now_s = loop.time()
        refusal = self.quotas.refusal(PUT, None, now_s)
        (self.accepted_s if refusal is None else self.throttled_s).append(now_s)
        await asyncio.sleep(self.random.uniform(*LATENCY_S))
        return refusal is None


class Child:
    """One attempt: its task's keeper and its process."""

    def __init__(self, fleet, number, blocks):
        self.fleet, self.left = fleet, blocks
        self.random = fleet.random
        self.clock = LateClock(self.random)
        job = {"version": 1, "volumes": [{"name": f"v{number}", "source": "/dev/null"}]}
        self.keeper = LeaseKeeper(
            order(job, f"client-{number}"), fleet.handle, now_s=self.clock.monotonic_s
        )
        self.progress = Progress(f"v{number}")
        self.context = SimpleNamespace(
            account=AccountPacer(1.0),
            get_account=AccountPacer(1.0),
            clock=self.clock,
            fence=Fence(),
        )
        self.pacer = Pacer(
            ceiling_puts_per_s=1000.0,
            in_flight_max=64,
            account=self.context.account,
            clock=self.clock,
        )
        self.gates = {
            each: SharedCallGate(self.clock, self.random)
            for each in (Resource.STARTS, Resource.COMPLETES)
        }

    def _later(self, act, *arguments):
        asyncio.get_running_loop().call_later(MESSAGE_S, act, *arguments)

    def _send(self, message):
        self._later(self._take, message)

    def _take(self, message):
        self.share.set(message)
        self._later(self.keeper.taken, message.share.number)

    def _count(self):
        copy = Progress(self.progress.volume, phase=self.progress.phase, snapshot_id="snap-1")
        copy.puts.attempted = self.progress.puts.attempted
        self._later(self.keeper.count, VolumeProgress(copy, self.share.held_s()))

    def _enter(self, phase):
        self.progress.phase = phase
        self._count()

    async def _counting(self):
        while True:
            await asyncio.sleep(COUNTS_S)
            self._count()

    async def run(self):
        await self.keeper.renew()
        first = self.keeper.begin(self._send)
        self.share = ShareInForce(first, self.clock.monotonic_s)
        beside = [asyncio.create_task(self.keeper.run())]
        await asyncio.sleep(self.random.uniform(*STARTS_S))
        beside += [
            asyncio.create_task(self._counting()),
            asyncio.create_task(self.share.until_lost()),
        ]
        self.share.pace(Paced(self.context, None, self.gates))
        self._enter(Phase.STARTING)
        await self.gates[Resource.STARTS].admit()
        await asyncio.sleep(0.05)
        self._enter(Phase.UPLOADING)
        async with asyncio.TaskGroup() as group:
            for _ in range(UPLOADERS):
                group.create_task(self._upload())
        self._enter(Phase.SEALING)
        await self.gates[Resource.COMPLETES].admit()
        self._enter(Phase.WAITING)
        await asyncio.sleep(self.random.uniform(*SEALS_S))
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await self.keeper.leave(is_pending=False)

    async def _upload(self):
        while self.left > 0:
            self.left -= 1
            attempt, began_s = 1, self.clock.monotonic_s()
            while not await self._put():
                delay_s = decide(
                    FailureClass.THROTTLED_ACCOUNT,
                    attempt,
                    self.clock.monotonic_s() - began_s,
                    self.random,
                )
                await asyncio.sleep(delay_s)
                attempt += 1

    async def _put(self):
        admission = await self.pacer.admit()
        self.progress.puts.attempted += 1
        is_accepted = await self.fleet.machine.put()
        self.pacer.settled(admission, None if is_accepted else FailureClass.THROTTLED_ACCOUNT)
        return is_accepted


class FleetOfPuts:
    """Volumes of so many blocks, so many at a time."""

    def __init__(self, seed, blocks, *, quota, at_a_time):
        self.random = random.Random(seed)
        self.blocks, self.quota, self.at_a_time = blocks, quota, at_a_time

    def run(self):
        run_virtual(self._run())
        return self

    async def _run(self):
        self.machine = Machine(self.random, self.quota)
        self.handle = Handle(Quota(self.quota, now_s=asyncio.get_running_loop().time))
        waiting = list(enumerate(self.blocks))

        async def slot():
            while waiting:
                number, blocks = waiting.pop(0)
                await asyncio.sleep(NEXT_S * self.random.random())
                await Child(self, number, blocks).run()

        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_a_time):
                group.create_task(slot())

    @property
    def accepted(self):
        """In each whole second, the first and the last left out."""
        counts = Counter(int(at_s) for at_s in self.machine.accepted_s)
        return [counts[second] for second in range(min(counts) + 1, max(counts))]

    @property
    def throttled_share(self):
        throttled = len(self.machine.throttled_s)
        return throttled / (throttled + len(self.machine.accepted_s))

    @property
    def used_share(self):
        """Of the quota, from the first put to the last."""
        return sum(self.accepted) / len(self.accepted) / self.quota


if __name__ == "__main__":
    seed = int(sys.argv[1])
    sizes = [600 + 137 * number % 500 for number in range(24)]
    fleet = FleetOfPuts(seed, sizes, quota=100.0, at_a_time=12).run()
    sys.stdout.write(
        f"{fleet.used_share:.3f} of the quota, {fleet.throttled_share:.2%} throttled; "
        f"{len(fleet.accepted)} s; {fleet.accepted}\n"
    )
