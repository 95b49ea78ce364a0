"""5,000 volumes on 200 hosts: how well the quota is used, and how much the actor has to answer.

The real leases, demands, permits and placement, in steps of a second; puts flow as rates, so what
buckets and throttles cost within a second is left out.
"""

import random
import sys
from dataclasses import dataclass

from simulation.fleet_hosts import lose_host

from bulkput.fleet.lease import Resource
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.permits import MOST_DEFAULT, PermitAnswer, PermitTable
from bulkput.fleet.placement import Host, Placement, Volume, in_start_order
from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.quota_client import QuotaClient
from bulkput.fleet.wants import Wants
from bulkput.model.progress import Phase, Progress

PUTS = Resource.PUTS
HOSTS, SLOTS, VOLUMES = 200, 2, 5_000
LOST_HOSTS = 2
NOTICED_AFTER_S = 15
START_S, SEAL_S = 2, 20
"""Before the first put, and from CompleteSnapshot to `completed`."""
ABLE_PUTS_PER_S = 400.0
"""By a volume's source and its host."""
SNAPSHOT_PUTS_PER_S = 1000.0


@dataclass(eq=False)
class Upload:
    """An attempt at a volume."""

    name: str
    volume: str
    number: int
    host: str
    client: QuotaClient
    wants: Wants
    puts_from_s: int
    sent: float = 0.0
    held_s: float = 0.0
    sealed_s: int | None = None

    def counted(self, phase):
        """Return what its process reports."""
        progress = Progress(self.volume, phase=phase)
        progress.puts.attempted = int(self.sent)
        return VolumeProgress(progress, {PUTS: self.held_s})


@dataclass(frozen=True)
class Figures:
    """What a run took."""

    took_s: int
    ideal_s: float
    use: float
    calls_per_s: float
    calls_most: int
    sent_most: float

    def __str__(self):
        return (
            f"{self.took_s} s, ideal {self.ideal_s:.0f} s ({self.took_s / self.ideal_s:.3f}); "
            f"use {self.use:.3f}; calls/s {self.calls_per_s:.1f}, at most {self.calls_most}; "
            f"at most {self.sent_most:.1f} puts/s"
        )


class FleetAtScale:
    """One job on one fleet."""

    def __init__(self, seed, capacity, mean_blocks, volumes=VOLUMES, hosts=HOSTS):
        chance = random.Random(seed)
        self.capacity = capacity
        sizes = [chance.lognormvariate(0, 1) for _ in range(volumes)]
        scale = mean_blocks * volumes / sum(sizes)
        self.left = {f"v{n}": max(1.0, size * scale) for n, size in enumerate(sizes)}
        self.total = sum(self.left.values())
        self.largest = max(self.left.values())
        self.placement = Placement(
            in_start_order(Volume(name, int(size)) for name, size in self.left.items())
        )
        self.table = LeaseTable({PUTS: capacity}, clients_max=MOST_DEFAULT, name="t")
        self.permits = PermitTable()
        self.hosts = {f"h{n}": Host(f"h{n}", SLOTS) for n in range(hosts)}
        self.doomed = chance.sample(sorted(self.hosts), max(1, hosts * LOST_HOSTS // HOSTS))
        self.dead_s = {}
        self.uploads = []
        self.ended = []
        self.begun = set()
        self.completed = set()
        self.now_s = 0
        self.calls = self.calls_all = self.calls_most = 0
        self.sent_most = 0.0

    def run(self):
        while not self.placement.is_over:
            self.now_s += 1
            if self.now_s > 3 * self.total / self.capacity:
                raise TimeoutError(f"{sum(self.left.values())} puts are left after {self.now_s} s")
            self.calls = 0
            while self.ended:  # what they sent in the last second is not sent twice
                self.table.forget(self.ended.pop())
            if self.now_s == 1 or self.now_s % 30 == 0:
                self.permits.seen_pending(self.now_s, self.begun - self.completed)
            self._lose_hosts()
            self._start()
            sent = sum(self._work(upload) for upload in list(self.uploads))
            assert sent <= self.capacity * (1 + 1e-9)
            self.sent_most = max(self.sent_most, sent)
            self.calls_all += self.calls
            self.calls_most = max(self.calls_most, self.calls)
        assert len(self.completed) == len(self.left)
        overhead_s = START_S + SEAL_S
        ideal_s = max(
            self.total / self.capacity + overhead_s,
            len(self.left) * overhead_s / MOST_DEFAULT,
            self.largest / ABLE_PUTS_PER_S + overhead_s,
        )
        return Figures(
            self.now_s,
            ideal_s,
            self.total / self.capacity / self.now_s,
            self.calls_all / self.now_s,
            self.calls_most,
            self.sent_most,
        )

    def _lose_hosts(self):
        third = self.total / self.capacity / 3
        for number, host in enumerate(self.doomed, 1):
            if host not in self.dead_s and self.now_s >= third * number:
                self.dead_s[host] = self.now_s
                self.uploads = [each for each in self.uploads if each.host != host]
            if host in self.dead_s and self.now_s == self.dead_s[host] + NOTICED_AFTER_S:
                self.hosts.pop(host)
                lose_host(self.placement, self.now_s, host)

    def _start(self):
        hosts = self.hosts.values()
        for start in self.placement.next_starts(self.now_s, hosts, self.permits.free(self.now_s)):
            self.calls += 1
            name = f"{start.volume}/{start.attempt}"
            snapshot = start.volume if start.volume in self.begun else None
            granted = self.permits.ask(self.now_s, start.volume, name, snapshot)
            if granted is not PermitAnswer.GRANTED or start.host in self.dead_s:
                if granted is PermitAnswer.GRANTED:
                    self.permits.give_back(self.now_s, start.volume, name, is_pending=False)
                self.placement.not_started(start)
                continue
            self.begun.add(start.volume)
            self.uploads.append(
                Upload(
                    name,
                    start.volume,
                    start.attempt,
                    start.host,
                    QuotaClient(name),
                    Wants({PUTS: SNAPSHOT_PUTS_PER_S, Resource.GETS: 0.0}, Progress(start.volume)),
                    self.now_s + START_S,
                )
            )

    def _work(self, upload):
        """Let a volume's process work for a second; return its puts."""
        if upload.sealed_s is not None:
            if self.now_s >= upload.sealed_s:
                self.calls += 2
                self.completed.add(upload.volume)
                self.uploads.remove(upload)
                self.permits.give_back(self.now_s, upload.volume, upload.name, is_pending=False)
                self.placement.ended(self.now_s, upload.volume, upload.number, 0)
            elif self.now_s % 5 == 0:
                self.calls += 1
                self.permits.report(self.now_s, upload.volume, upload.name, upload.volume)
            return 0.0
        client = upload.client
        is_putting = self.now_s >= upload.puts_from_s
        phase = Phase.UPLOADING if is_putting else Phase.STARTING
        is_urgent = upload.wants.learn(self.now_s, upload.counted(phase))
        if is_urgent or self.now_s >= client.next_ask_s:
            self.calls += 1
            self.permits.report(self.now_s, upload.volume, upload.name, upload.volume)
            lease = self.table.ask(self.now_s, client.ask(self.now_s, upload.wants.amounts))
            client.on_lease(self.now_s, lease)
        if not is_putting:
            return 0.0
        may_use = client.may_use(self.now_s, PUTS)
        rate = min(ABLE_PUTS_PER_S, may_use, self.left[upload.volume])
        upload.held_s += rate == may_use
        self.left[upload.volume] -= rate
        upload.sent += rate
        if self.left[upload.volume] <= 0:
            self.calls += 1
            self.ended.append(upload.name)
            upload.sealed_s = self.now_s + SEAL_S
        return rate


if __name__ == "__main__":
    capacity, mean_blocks = float(sys.argv[1]), float(sys.argv[2])
    sys.stdout.write(f"{FleetAtScale(0, capacity, mean_blocks).run()}\n")
