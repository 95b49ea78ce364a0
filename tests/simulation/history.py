"""The whole story of one upload, decided by one seed: its disk, its settings, its weather, its
deaths, until a run completes the snapshot; and what must hold at every step of it."""

import errno
import random

import numpy as np
from simulation.contents import CONTENT_COUNT, ZEROS, digest
from simulation.disk import PATH, Disk, SimulatedSource
from simulation.line import Line
from simulation.machine import Machine
from simulation.run import Stop, engine_on, run_engine
from simulation.service import FIRST_UNIX_S, ModelService
from simulation.weather import BOUNDED, FINAL, PUT_FAULTS, Fault, Spell, Weather

from bulkput.config.settings import Settings
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import read_header
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError, SourceError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

CALM_RUNS_MAX = 4
"""One that finds its snapshot spoilt by late puts, one that meets the source's change, two more."""


class Violation(AssertionError):  # noqa: N818 - of an invariant; the word says it all
    """The engine did what it must never do."""


class History:
    """One upload's story; ``live`` tells it to its end."""

    def __init__(self, seed, folder):
        self.seed = seed
        self.random = random.Random(seed)
        self.machine = Machine(folder, self.random)
        self.disk = _disk(self.random)
        self.settings = _settings(self.random, self.disk)
        self.tuning = self.settings.tuning
        self.volume = self.settings.volumes[0]
        self.weather = Weather(seed)
        self.service = ModelService(self.weather, encrypts=_may_be_encrypted(self))
        self.unix_s = FIRST_UNIX_S
        self.run_number = 0
        self.sealed = {}
        self.changed = False
        self.contents = {}
        self.story = []
        self.outcomes = []

    def live(self):
        """Run until the snapshot is completed; returns the last outcome.

        Raises:
            Violation: with the seed that repeats it.
        """
        turbulent = self.random.choice((0, 2, 4, 6, 8, 10))
        for _ in range(turbulent):
            self._make_rough()
            if self._go() == 0:
                return self.outcomes[-1]
            self._pass_time()
        for _ in range(CALM_RUNS_MAX):
            self.run_number += 1
            self._calm()
            if self._go() == 0:
                return self.outcomes[-1]
            self.unix_s += 60.0
        self._fail(f"{CALM_RUNS_MAX} calm runs did not complete it: {self.outcomes[-1]}")
        raise AssertionError

    def _calm(self):
        self.weather = Weather(self.seed, self.run_number, latency_s=self.weather.latency_s)
        self.script = {}
        self.events = {}
        self.stop = Stop()
        self.stop_at_s = None

    def _make_rough(self):  # noqa: C901 - one draw after another, none depends on the last
        """Decide the weather, the faults of disk and source, and the death of the next run."""
        rng = self.random
        self.run_number += 1
        self._calm()
        weather = self.weather
        weather.latency_s = rng.choice((0.005, 0.05, 0.2, 1.0))
        weather.is_slow_to_show = rng.random() < 0.3
        weather.control_rate = rng.choice((0.0, 0.0, 0.2, 0.5))
        for name in rng.sample(sorted(PUT_FAULTS), rng.choice((0, 1, 2, 3))):
            weather.put_rates[name] = rng.random() * BOUNDED.get(name, 0.25)
        weather.spells = tuple(_spell(rng) for _ in range(rng.choice((0, 0, 0, 1, 2))))
        if rng.random() < 0.15:
            failure = rng.choice(FINAL)
            call = rng.choice(("put", "put", "CompleteSnapshot", "DescribeSnapshots"))
            number = _log_uniform(rng, 100) if call == "put" else 1
            weather.script[call, number] = Fault(failure)
        if rng.random() < 0.15:
            weather.keys_expire_s = rng.random() * 2
            weather.keys_come_back_s = rng.choice((0.0, 0.0, 1.0, 30.0, 300.0))
        if rng.random() < 0.08:
            self.script["read", _log_uniform(rng, 20)] = SourceError(
                PATH, "simulated: cannot be read", block_index=0
            )
        if rng.random() < 0.1:
            what = rng.choice(("ledger write", "ledger flush", "ledger rename"))
            number = _log_uniform(rng, 100 if what == "ledger write" else 6)
            self.script[what, number] = OSError(rng.choice((errno.ENOSPC, errno.EIO)), "simulated")
        if rng.random() < 0.15:
            self.events[_log_uniform(rng, 600)] = self._mutate
        death = rng.choice(("none", *["stop"] * 3, *["kill"] * 6, "crash", "crash", "stop late"))
        if death in {"stop", "stop late"}:
            if death == "stop late":
                self.stop_at_s = rng.random() * rng.choice((1.0, 10.0, 400.0))
            at = self._some_tick()
            if death == "stop":
                self.events[at] = self.stop
            if rng.random() < 0.3:
                self.events[at + _log_uniform(rng, 40)] = self._die
        elif death in {"kill", "crash"}:
            self.crashes = death == "crash"
            self.events[self._some_tick()] = self._die
        if death not in {"kill", "crash"}:
            self.crashes = rng.random() < 0.3

    def _some_tick(self):
        """Return when to die: around the start, or anywhere in a run that puts every block."""
        if self.random.random() < 0.3:
            return _log_uniform(self.random, 60)
        return self.random.randint(20, 40 + 5 * len(self.disk.blocks))

    def _die(self):
        self.machine.die(crash=self.crashes)
        self.service.settle(self.line.now_s())
        if self.crashes and self.changed:
            # The power cut may have brought back the mark of an older content that the source
            # shows again by now.
            for snapshot in self.service.snapshots.values():
                snapshot.crossed = True
        self.stop()

    def _mutate(self):
        """Change the disk in one of the ways in which disks change."""
        rng, disk = self.random, self.disk
        self.changed = True
        what = rng.random()
        if what < 0.1:
            disk.version += 1
            return
        acknowledged = self._marked(State.ACKNOWLEDGED)
        spots = [
            spot
            for spot in (self._unanswered(acknowledged), acknowledged, range(len(disk.blocks)))
            if spot
        ]
        for _ in range(rng.choice((1, 2, 5))):
            index = rng.choice(rng.choice(spots))
            before = self.contents.setdefault(index, disk.blocks[index])
            again = rng.random() < 0.3
            disk.write(index, before if again else _number(rng))

    def _marked(self, state):
        """Return the blocks that have ``state`` in the ledger on disk."""
        try:
            with Ledger.view(self._folder()) as ledger:
                count = min(ledger.header.block_count, len(self.disk.blocks))
                return np.flatnonzero(ledger.states(0, count) == state).tolist()
        except (BulkputError, StopIteration):
            return []

    def _unanswered(self, acknowledged):
        """Return the blocks that a pending snapshot has, and of which the engine cannot know."""
        stored = {
            index
            for snapshot in self.service.snapshots.values()
            if snapshot.state == "pending"
            for index in snapshot.blocks
            if index < len(self.disk.blocks)
        }
        return sorted(stored.difference(acknowledged))

    def _pass_time(self):
        """Between two runs: a pause, and what others do to the source and to the snapshot."""
        rng = self.random
        self.unix_s += rng.choice((0.1, 5.0, 60.0, 700.0, 20_000.0))
        if rng.random() < 0.05:
            self.unix_s += rng.random() * 4 * 86_400
        what = rng.random()
        if what < 0.6:
            if rng.random() < 0.5:
                self.disk.save()
            self._mutate()
        elif what < 0.65:
            self.disk.roll_back()
        elif what < 0.68:
            count = max(1, len(self.disk.blocks) + rng.choice((-3, -1, 1, 5)))
            self.disk.resize(count, _number(rng))
        if rng.random() < 0.02:
            for snapshot_id in list(self.service.snapshots):
                self.service.delete(snapshot_id)
        if rng.random() < 0.1 and not self.service.encrypts:
            policy = rng.choice(list(ZeroPolicy))
            self.volume = self.volume.model_copy(update={"zeros": policy})
            self.settings = self.settings.model_copy(update={"volumes": (self.volume,)})

    def _go(self):
        """Make one run; returns its exit code, None if it was stopped or died."""
        machine, disk = self.machine, self.disk
        self.service.weather = self.weather
        self.service.settle(self.unix_s)
        disk.begin_run()
        self.line = Line(self.service, self.weather, machine, base_s=self.unix_s)
        self.settled = self._settled_before()
        self.line.on_put = self._check_put
        self.line.on_complete = self._check_complete
        machine.begin_run(self.script, self.events)
        with engine_on(machine, self._open_source):
            ended = run_engine(
                self.settings,
                machine,
                self.line,
                self.stop,
                worker_delay_s=self._worker_delay_s(),
                unix_s=self.unix_s,
                stop_at_s=self.stop_at_s,
            )
            machine.end_run()
            self.story += self.line.story
            self.unix_s = self.service.now_s if machine.dead else self.unix_s + ended.elapsed_s
            self._remember_seal()
            self._check_end(ended)
        outcome = ended.outcome
        self.outcomes.append(outcome)
        return None if outcome is None else outcome.exit_code

    def _open_source(self):
        live = self.weather.unit("live") < 0.5
        self.source = SimulatedSource(self.disk, self.machine, live=live)
        return self.source

    def _worker_delay_s(self):
        rng = random.Random(f"{self.seed}/{self.run_number}/workers")
        longest_s = rng.choice((0.0, 0.001, 0.05))
        return lambda: rng.random() * longest_s

    def _folder(self):
        return next(path.parent for path in sorted(self.machine.folder.rglob("ledger.json")))

    def _header(self):
        try:
            return read_header(self._folder())
        except (StopIteration, BulkputError):
            return None

    def _settled_before(self):
        """Return the blocks that the next run must not send: acknowledged, and as they are now."""
        header = self._header()
        if header is None or header.phase is not LedgerPhase.UPLOADING:
            return {}
        if header.block_count != len(self.disk.blocks):
            return {}
        try:
            ledger = Ledger.view(self._folder())
        except BulkputError:  # a power cut may have taken the table
            return {}
        with ledger:
            states = ledger.states(0, header.block_count)
            return {
                index: header.snapshot_id
                for index, block in enumerate(self.disk.blocks)
                if states[index] == State.ACKNOWLEDGED
                and ledger.digest(index) == digest(block or ZEROS)
            }

    # What must hold.

    def _check_put(self, snapshot_id, index, number):
        if self.settled.get(index) == snapshot_id and len(self.disk.seen[index]) == 1:
            self.machine.violate(f"block {index} was acknowledged and is sent again")
        del number

    def _check_complete(self, snapshot, count, checksum):
        """Whether a CompleteSnapshot is right, at the moment it reaches the service."""
        if snapshot.snapshot_id not in self.sealed:
            self._seal(snapshot.snapshot_id)
            if not self.source.checked:
                self.machine.violate("sealed without a look at the source's identity")
        if snapshot.crossed or snapshot.state != "pending":
            return  # the service refuses it by count or checksum
        if snapshot.linear != (count, checksum):
            self.machine.violate(f"count or checksum is wrong: {(count, checksum)}")
        self._compare(snapshot)

    def _seal(self, snapshot_id):
        self.sealed[snapshot_id] = (
            [set(seen) for seen in self.disk.seen],
            self.volume.zeros,
        )

    def _remember_seal(self):
        header = self._header()
        if header is None or header.phase is not LedgerPhase.SEALING:
            return
        if header.snapshot_id not in self.sealed:
            self._seal(header.snapshot_id)

    def _compare(self, snapshot):
        """The snapshot shows the source at every index; what is absent may be absent."""
        seen, zeros = self.sealed[snapshot.snapshot_id]
        for index, numbers in enumerate(seen):
            shown = {number or ZEROS for number in numbers}
            if index in snapshot.blocks:
                if snapshot.blocks[index] not in shown:
                    self.machine.violate(f"block {index} differs from the source")
            elif not _may_be_absent(numbers, zeros, encrypted=snapshot.encrypted):
                self.machine.violate(f"block {index} is missing under {zeros}")
        if any(index >= len(seen) for index in snapshot.blocks):
            self.machine.violate("blocks behind the source's end")

    def _check_end(self, ended):
        machine, outcome = self.machine, ended.outcome
        budget_blocks = self.tuning.memory_budget_bytes // BLOCK_SIZE_BYTES
        held_blocks_max = self.disk.resident_blocks_max
        if self.volume.verify == "none" and held_blocks_max > budget_blocks:
            machine.violate(f"{held_blocks_max} blocks were held at once")
        if outcome is not None and outcome.exit_code == 0:
            self.service.settle(self.unix_s)
            snapshot = self.service.snapshots.get(outcome.snapshot_id)
            if snapshot is None or snapshot.sealed is None:
                machine.violate(f"{outcome.snapshot_id} is not sealed")
            else:
                self._compare(snapshot)
                if self.volume.snapshot.wait and snapshot.state != "completed":
                    machine.violate(f"{outcome.snapshot_id} is {snapshot.state}")
        if not machine.dead and not self.script_hit_ledger():
            self._check_acknowledged(ended.line)
        if machine.violations:
            self._fail("; ".join(machine.violations))

    def script_hit_ledger(self):
        """Whether the state folder's disk failed in this run."""
        return any(what.startswith("ledger") for what, _ in self.script)

    def _check_acknowledged(self, line):
        """Everything that was acknowledged is in the ledger when a run has ended in order."""
        header = self._header()
        if header is None or header.snapshot_id is None or not line.acknowledged:
            return
        with Ledger.view(self._folder()) as ledger:
            for index, expected in line.acknowledged.items():
                if ledger.digest(index) != expected:
                    self.machine.violate(f"block {index} was acknowledged and forgotten")

    def _fail(self, what):
        raise Violation(
            f"seed {self.seed}, run {self.run_number}: {what}\nrepeat with BULKPUT_SEED={self.seed}"
        )


def _may_be_absent(numbers, zeros, *, encrypted):
    if encrypted or zeros is ZeroPolicy.WRITE:
        return False
    if zeros is ZeroPolicy.SKIP_HOLES:
        return None in numbers
    return bool({None, ZEROS} & numbers)


def _log_uniform(rng, most):
    """Return a whole number from 1 to ``most``; small ones are as likely as large ones."""
    return int(most ** rng.random())


def _number(rng):
    return rng.choice((None, ZEROS, rng.randrange(1, CONTENT_COUNT)))


def _disk(rng):
    blocks = []
    count = rng.choice((1, 3, 10, 30, 60, 100, 150))
    while len(blocks) < count:
        run = _log_uniform(rng, 30)
        what = rng.random()
        if what < 0.2:
            blocks += [None] * run
        elif what < 0.4:
            blocks += [ZEROS] * run
        else:
            blocks += [rng.randrange(1, CONTENT_COUNT) for _ in range(run)]
    disk = Disk(blocks[:count], "file" if rng.random() < 0.75 else "device")
    if disk.kind == "device":
        disk.blocks = [block or ZEROS for block in disk.blocks]
    return disk


def _may_be_encrypted(history):
    safe = history.volume.zeros in {ZeroPolicy.AUTO, ZeroPolicy.WRITE}
    return safe and history.random.random() < 0.3


def _settings(rng, disk):
    window_blocks = rng.choice((1, 2, 4, 8, 16))
    settings = Settings.model_validate(
        {
            "version": 1,
            "endpoint": "aws",
            "volumes": (
                {
                    "name": "simulated",
                    "source": {"path": PATH},
                    "snapshot": {
                        "wait": rng.random() < 0.9,
                        "timeout_min": 10 if rng.random() < 0.1 else None,
                    },
                    "zeros": rng.choice((*ZeroPolicy, ZeroPolicy.AUTO, ZeroPolicy.AUTO)),
                    "resume": rng.choice(("auto", "auto", "auto", "verify")),
                    "on_failure": "delete" if rng.random() < 0.1 else "keep",
                    "allow_changing_source": rng.random() < 0.2,
                    "verify": "full" if rng.random() < 0.1 else "none",
                },
            ),
            "tuning": {
                "puts_per_s_snapshot": rng.choice((5.0, 100.0, 1000.0, 1000.0)),
                "puts_per_s_account": rng.choice((100.0, 1000.0, 1000.0)),
                "in_flight_max": rng.choice((1, 4, 16, 64)),
                "hash_workers": rng.choice((1, 2, 4)),
                "shutdown_grace": rng.choice((0.1, 8.0, 8.0)),
            },
        },
    )
    # The least that the configuration allows is four windows.
    budget_bytes = BLOCK_SIZE_BYTES * window_blocks * rng.choice((4, 4, 5, 8))
    tuning = settings.tuning.model_copy(
        update={
            "window_bytes": BLOCK_SIZE_BYTES * window_blocks,
            "memory_budget_bytes": budget_bytes,
        }
    )
    return settings.model_copy(update={"tuning": tuning})


def _spell(rng):
    start_s = rng.random() * rng.choice((0.5, 5.0))
    failure, longest_s, after_s = rng.choice(
        (
            (FailureClass.TRANSIENT, 300.0, 5.0),
            (FailureClass.TRANSIENT, 60.0, 0.0),
            (FailureClass.THROTTLED_SNAPSHOT, 30.0, 0.0),
            (FailureClass.THROTTLED_ACCOUNT, 30.0, 0.0),
        )
    )
    return Spell(start_s, start_s + longest_s, Fault(failure, after_s=after_s))
