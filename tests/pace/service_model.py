"""A model of the service on virtual time: quotas, latency, bandwidth, and what each put met.

Driven by a real Pacer: hungry volumes put as fast as they are admitted. Arrival at the quota is
a share of the latency after the start, with its share of the jitter, so puts overtake each other
on the way as they do on a network. The emulator decides on a put's headers and answers late: its
share is nearly nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from bulkput.model.clock import LoopClock
from bulkput.model.failure import FailureClass
from bulkput.pace.pacer import AccountPacer, Admission, Pacer


class Quota:
    """The service's own token bucket; starts full."""

    def __init__(self, rate_puts_per_s: float, burst_puts: float) -> None:
        self.rate_puts_per_s = rate_puts_per_s
        self.burst_puts = burst_puts
        self.level_puts = burst_puts
        self.at_s = 0.0

    def refill(self, now_s: float) -> float:
        gained = (now_s - self.at_s) * self.rate_puts_per_s
        self.level_puts = min(self.burst_puts, self.level_puts + gained)
        self.at_s = now_s
        return self.level_puts

    def change(self, now_s: float, rate_puts_per_s: float) -> None:
        self.refill(now_s)
        self.rate_puts_per_s = rate_puts_per_s


@dataclass
class Path:
    """How long a put takes beside the quota; may be changed while puts are under way."""

    latency_s: float = 0.1
    jitter_s: float = 0.02
    outward_share: float = 0.5
    """Of the latency, until the quota decides."""
    link_puts_per_s: float | None = None
    """Serial link: puts queue for it."""
    latency_per_put_s: float = 0.0
    """Added for each put that the service is working on: latency that grows with concurrency."""
    handshake_s: float = 0.0
    """What the service works for each new connection, one after the other; puts wait for it."""
    link_free_s: float = 0.0
    service_free_s: float = 0.0
    under_way: int = 0
    connections: int = 0

    def draw_s(self, now_s: float, rng: Random) -> float:
        latency_s = self.latency_s + rng.uniform(-self.jitter_s, self.jitter_s)
        latency_s += self.latency_per_put_s * self.under_way
        if self.under_way >= self.connections:
            self.connections += 1
            self.service_free_s = max(now_s, self.service_free_s) + self.handshake_s
        latency_s += max(0.0, self.service_free_s - now_s)
        if self.link_puts_per_s is not None:
            self.link_free_s = max(now_s, self.link_free_s) + 1 / self.link_puts_per_s
            latency_s += self.link_free_s - now_s
        return max(0.0005, latency_s)


@dataclass
class Volume:
    """A hungry volume: its pacer, its quota, and when its puts were accepted and refused."""

    pacer: Pacer
    quota: Quota
    path: Path
    demand_puts_per_s: float | None = None
    acked_s: list[float] = field(default_factory=list)
    throttled_s: list[float] = field(default_factory=list)
    limits: list[tuple[float, int]] = field(default_factory=list)
    in_flight_peak: int = 0

    def rate_puts_per_s(self, start_s: float, stop_s: float) -> float:
        count = sum(start_s <= at_s < stop_s for at_s in self.acked_s)
        return count / (stop_s - start_s)

    def throttled_share(self, start_s: float = 0.0, stop_s: float = float("inf")) -> float:
        refused = sum(start_s <= at_s < stop_s for at_s in self.throttled_s)
        accepted = sum(start_s <= at_s < stop_s for at_s in self.acked_s)
        return refused / max(1, refused + accepted)


class Service:
    """Quotas of an account, and its volumes; built inside a running virtual loop."""

    def __init__(
        self,
        *,
        seed: int,
        account_puts_per_s: float = 1e6,
        account_burst_puts: float = 1e6,
        account_ceiling_puts_per_s: float = 1e6,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.rng = Random(seed)
        self.account_quota = Quota(account_puts_per_s, account_burst_puts)
        self.account = AccountPacer(account_ceiling_puts_per_s)
        self.volumes: list[Volume] = []

    def volume(
        self,
        *,
        quota_puts_per_s: float,
        burst_puts: float = 20,
        ceiling_puts_per_s: float = 1000,
        in_flight_max: int = 1024,
        path: Path | None = None,
        demand_puts_per_s: float | None = None,
    ) -> Volume:
        pacer = Pacer(
            ceiling_puts_per_s=ceiling_puts_per_s,
            in_flight_max=in_flight_max,
            account=self.account,
            clock=LoopClock(),
        )
        quota = Quota(quota_puts_per_s, burst_puts)
        volume = Volume(pacer, quota, path or Path(), demand_puts_per_s)
        self.volumes.append(volume)
        return volume

    def at(self, when_s: float, change: Callable[[], None]) -> None:
        self.loop.call_at(when_s, change)

    async def run(self, duration_s: float, *, uploaders: int = 1) -> None:
        drivers = [
            asyncio.create_task(self._drive(volume))
            for volume in self.volumes
            for _ in range(uploaders)
        ]
        samplers = [asyncio.create_task(self._sample(volume)) for volume in self.volumes]
        await asyncio.sleep(duration_s)
        for task in drivers + samplers:
            task.cancel()
        await asyncio.gather(*drivers, *samplers, return_exceptions=True)

    async def _sample(self, volume: Volume) -> None:
        while True:
            await asyncio.sleep(0.1)
            volume.limits.append((self.loop.time(), volume.pacer._in_flight_controller.limit))
            volume.in_flight_peak = max(volume.in_flight_peak, volume.pacer.in_flight)

    async def _drive(self, volume: Volume) -> None:
        while True:
            admission = await volume.pacer.admit()
            now_s = self.loop.time()
            latency_s = volume.path.draw_s(now_s, self.rng)
            volume.path.under_way += 1
            outward_s = latency_s * volume.path.outward_share
            back_s = latency_s - outward_s
            self.loop.call_at(now_s + outward_s, self._arrive, volume, admission, back_s)
            if volume.demand_puts_per_s is not None:
                await asyncio.sleep(1 / volume.demand_puts_per_s)

    def _arrive(self, volume: Volume, admission: Admission, back_s: float) -> None:
        now_s = self.loop.time()
        failure = None
        if self.account_quota.refill(now_s) < 1:
            failure = FailureClass.THROTTLED_ACCOUNT
        elif volume.quota.refill(now_s) < 1:
            failure = FailureClass.THROTTLED_SNAPSHOT
        else:
            self.account_quota.level_puts -= 1
            volume.quota.level_puts -= 1
        self.loop.call_at(now_s + back_s, self._return, volume, admission, failure)

    def _return(self, volume: Volume, admission: Admission, failure: FailureClass | None) -> None:
        volume.path.under_way -= 1
        (volume.acked_s if failure is None else volume.throttled_s).append(self.loop.time())
        volume.pacer.settled(admission, failure)
