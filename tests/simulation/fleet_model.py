"""A fleet on virtual time: the real lease, permits and placement over messages that go astray.

The actor restarts, messages are late, doubled or lost, hosts are cut off from the actor (and reach
the service all the while) or die and come back, clients die. Checked in every step: no more is sent
than there is, no snapshot too many is pending, no volume has two writers.
"""

import itertools
import random

from simulation.fleet_disks import Disk, Disks
from simulation.fleet_hosts import Attempt, Machine, lose_host
from simulation.fleet_mail import Mail
from simulation.invariants import Violation

from bulkput.fleet.lease import Resource, Terms
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.permits import PermitAnswer, PermitTable
from bulkput.fleet.placement import Host, Phase, Placement, Volume, in_start_order
from bulkput.fleet.quota_client import CLOCK_SHARE, QuotaClient
from bulkput.fleet.retries import LOST, RETRIES

PUTS = Resource.PUTS
TERMS = Terms()
STEP_S = 0.5
STORE_LEASE_S = 20.0
NOTICED_AFTER_S = 15.0
ROUGH_S = 400.0
END_S = 9000.0
CAPACITY = 100.0
QUOTA, MOST = 5, 4
POISON_CODE = 7


class FleetHistory:
    """One fleet's life, by its seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now_s = 0.0
        self.count = itertools.count()
        self.mail = Mail()
        self.faults = self.random.choice((0.0, 0.01, 0.03))
        self.loss = self.random.choice((0.0, 0.1, 0.4))
        self.late_s = self.random.choice((0.05, 2.0, 15.0))
        self.machines = {f"h{number}": Machine() for number in range(self.random.choice((2, 4)))}
        self.disks, volumes = Disks(), []
        for number in range(self.random.randint(4, 10)):
            name = f"v{number}"
            puts = self.random.randint(10, 4000)
            pinned = self.random.choice((None, None, "h0"))
            self.disks[name] = Disk(puts, is_poison=self.random.random() < 0.1)
            volumes.append(Volume(name, puts, host=pinned))
        self.placement = Placement(
            in_start_order(volumes), dict(RETRIES) | {5: 1000, LOST: 1000, 128: 1000}
        )
        self.tables = 0
        self.up_s = 0.0
        self.restarts = self.switches = self.cuts = 0
        self.asked = 0
        self.most_sent = 0.0
        self.may_work = {}
        """Clients that the driver does not know to have ended, and until when each may work."""
        self._begin_tables(learns_from_s=None)

    def live(self):
        while not self.placement.is_over or any(each.attempts for each in self.machines.values()):
            self._step()
            if self.now_s > END_S:
                raise Violation(f"not over after {END_S} s")
        self._check_end()

    def _begin_tables(self, learns_from_s):
        self.tables += 1
        self.table = LeaseTable(
            {PUTS: CAPACITY},
            clients_max=MOST,
            name=f"t{self.tables}",
            learns_from_s=learns_from_s,
            expects=[name for name, until_s in self.may_work.items() if until_s > self.now_s],
            terms=TERMS,
        )
        self.permits = PermitTable(quota=QUOTA, most=MOST, learns_from_s=learns_from_s)

    # What happens

    def _step(self):
        self.now_s = round(self.now_s + STEP_S, 6)
        if self.now_s < ROUGH_S:
            self._go_wrong()
        self.mail.deliver(self.now_s)
        if self.now_s % 30 == 0 and self._is_up():
            self.permits.seen_pending(self.now_s, self.disks.shown(self.now_s))
        self._notice_lost_hosts()
        self._start()
        for machine in self.machines.values():
            for attempt in list(machine.attempts):
                self._work(machine, attempt)
        self._check()

    def _go_wrong(self):
        if self.random.random() < self.faults:
            self.up_s = self.now_s + self.random.choice((0.5, 3.0, 40.0))
            self.restarts += 1
            self._begin_tables(learns_from_s=self.up_s)
        for machine in self.machines.values():
            if self.random.random() >= self.faults:
                continue
            fault = self.random.choice(("cut", "dead", "killed"))
            if fault == "cut":
                self.cuts += 1
                machine.cut_until_s = self.now_s + self.random.choice((3.0, 30.0, 120.0))
            elif fault == "dead":
                machine.dead_until_s = self.now_s + self.random.choice((5.0, 60.0))
                for attempt in machine.attempts:
                    self._die(attempt)
                machine.attempts.clear()
            elif machine.attempts:
                attempt = self.random.choice(machine.attempts)
                self._end(machine, attempt, 137)

    def _is_up(self):
        return self.now_s >= self.up_s

    def _reaches(self, machine):
        return self.now_s >= max(machine.cut_until_s, machine.dead_until_s)

    def _post(self, machine, act, *, is_sure=False):
        """Deliver a message, late, twice or not at all; a sure one when the host is reached."""
        if is_sure:
            self.mail.post(max(self.now_s, machine.cut_until_s) + 0.1, act)
            return
        is_rough = self.now_s < ROUGH_S
        for _ in range(self.random.choice((1, 1, 1, 2))):
            if self._reaches(machine) and self.random.random() >= self.loss * is_rough:
                late_s = self.random.uniform(0, self.late_s if is_rough else 0.1)
                self.mail.post(self.now_s + late_s, act)

    # The driver

    def _notice_lost_hosts(self):
        for name, machine in self.machines.items():
            if self._reaches(machine):
                machine.trouble_since_s = None
                continue
            if machine.trouble_since_s is None:
                machine.trouble_since_s = self.now_s
            if self.now_s - machine.trouble_since_s >= NOTICED_AFTER_S:
                self.switches += lose_host(self.placement, self.now_s, name)
                until_s = self.now_s + TERMS.length_s + TERMS.orphan_s
                for attempt in machine.attempts:
                    self.may_work[attempt.name] = min(self.may_work[attempt.name], until_s)

    def _start(self):
        if not self._is_up():
            return
        hosts = [Host(name, 2) for name, each in self.machines.items() if self._reaches(each)]
        for start in self.placement.next_starts(self.now_s, hosts, MOST):
            disk = self.disks[start.volume]
            name = f"{start.volume}/{start.attempt}/{next(self.count)}"
            pending = start.volume if disk.is_begun else None
            answer = self.permits.ask(self.now_s, start.volume, name, pending)
            if answer is not PermitAnswer.GRANTED:
                self.placement.not_started(start)
                continue
            attempt = Attempt(
                name,
                start.volume,
                start.attempt,
                start.host,
                QuotaClient(name, TERMS),
                self.now_s + 20 * CLOCK_SHARE,
            )
            self.machines[start.host].attempts.append(attempt)
            self.may_work[name] = float("inf")

    def _ended(self, attempt, code):
        self.placement.ended(self.now_s, attempt.volume, attempt.number, code)
        self.may_work.pop(attempt.name, None)
        disk = self.disks[attempt.volume]
        if self._is_up():
            self.table.forget(attempt.name)
            self.permits.give_back(
                self.now_s, attempt.volume, attempt.name, is_pending=disk.is_begun
            )

    # A process

    def _work(self, machine, attempt):
        disk = self.disks[attempt.volume]
        if disk.is_sealed:
            self._end(machine, attempt, 0)
            return
        if attempt.client.is_lost(self.now_s):
            self._end(machine, attempt, 5)
            return
        if disk.writer is not attempt:
            if disk.writer is not None and self.now_s < disk.written_s + STORE_LEASE_S:
                self._end(machine, attempt, 5)
                return
            disk.writer = attempt
        disk.written_s = self.now_s
        if self.now_s >= attempt.client.next_ask_s:
            self._ask(machine, attempt)
        if disk.started_s is None:
            if self.now_s >= attempt.permit_until_s:
                return
            disk.started_s = self.now_s
        if disk.is_poison:
            self._end(machine, attempt, POISON_CODE)
            return
        disk.puts_left -= STEP_S * min(60.0, attempt.client.may_use(self.now_s, PUTS))
        if disk.puts_left <= 0:
            disk.is_sealed = True
            self._end(machine, attempt, 0)

    def _ask(self, machine, attempt):
        sent_s = self.now_s
        disk = self.disks[attempt.volume]
        ask = attempt.client.ask(sent_s, {PUTS: 60.0})
        snapshot = attempt.volume if disk.started_s is not None else None
        self.asked += 1

        def arrive():
            if not self._is_up():
                return
            holds = self.permits.report(self.now_s, attempt.volume, attempt.name, snapshot)
            lease = self.table.ask(self.now_s, ask)

            def answer():
                if lease is not None:
                    attempt.client.on_lease(self.now_s, lease)
                if holds:
                    until_s = sent_s + 20 * CLOCK_SHARE
                    attempt.permit_until_s = max(attempt.permit_until_s, until_s)

            self._post(machine, answer)

        self._post(machine, arrive)

    def _die(self, attempt):
        """Let a process end with its host, of which the driver hears later, and nobody else."""
        self.mail.post(self.now_s + NOTICED_AFTER_S, lambda: self._lost(attempt))

    def _lost(self, attempt):
        self.placement.ended(self.now_s, attempt.volume, attempt.number, LOST)
        self.may_work.pop(attempt.name, None)
        self.table.forget(attempt.name)

    def _end(self, machine, attempt, code):
        machine.attempts.remove(attempt)
        disk = self.disks[attempt.volume]
        if disk.writer is attempt and code != 137:
            disk.writer = None
        self._post(machine, lambda: self._ended(attempt, code), is_sure=True)

    # What must hold

    def _attempts(self):
        return [attempt for each in self.machines.values() for attempt in each.attempts]

    def _check(self):
        sent = sum(each.client.may_use(self.now_s, PUTS) for each in self._attempts())
        self.most_sent = max(self.most_sent, sent)
        if sent > CAPACITY * (1 + 1e-9):
            raise Violation(f"{sent} of {CAPACITY} puts/s may be in use at {self.now_s} s")
        # A table that follows another counts some twice: what it was told of, and what it holds.
        is_first = self.tables == 1
        if is_first and self.table.outstanding(self.now_s)[PUTS] > CAPACITY * (1 + 1e-9):
            raise Violation(f"more than {CAPACITY} puts/s are leased at {self.now_s} s")
        if len(self.disks.pending(self.now_s)) > QUOTA:
            raise Violation(
                f"{len(self.disks.pending(self.now_s))} of {QUOTA} snapshots are pending"
            )

    def _check_end(self):
        for name, disk in self.disks.items():
            expected = Phase.FAILED if disk.is_poison else Phase.DONE
            if self.placement.phase(name) is not expected:
                raise Violation(f"{name} is {self.placement.phase(name)}")
        while self.mail:
            self.now_s = self.mail.next_s
            self.mail.deliver(self.now_s)
        self.now_s += 300
        self.permits.seen_pending(self.now_s, self.disks.shown(self.now_s))
        left = min(MOST, QUOTA - len(self.disks.pending(self.now_s)))
        if self.permits.held or self.permits.free(self.now_s) != left:
            raise Violation(f"{self.permits.held} permits are lost, of {MOST}")
